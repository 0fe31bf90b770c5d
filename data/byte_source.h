// A file as a stream of plain bytes: as it is, or decompressed where its name ends in .gz or .zst.
#ifndef CARAVAN_DATA_BYTE_SOURCE_H_
#define CARAVAN_DATA_BYTE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace caravan::data {

// Owned and called by one thread.
class ByteSource {
 public:
  // NOT_FOUND (or what else the system says) names the path.
  static absl::StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& path);
  virtual ~ByteSource() = default;

  // Fills the front of `buffer` and returns how much; 0 at the end and only there. DATA_LOSS names
  // the file when its compressed stream is damaged or cut off.
  virtual absl::StatusOr<size_t> Read(std::span<char> buffer) = 0;

  // Share of the file on disk that has been consumed, 0 to 1.
  virtual double Fraction() const = 0;
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_BYTE_SOURCE_H_
