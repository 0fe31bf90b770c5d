// Writes TensorBoard event files: records of
//   length u64, masked CRC-32C of the length u32, a serialised Event, masked CRC-32C of it u32,
// all little-endian, the mask being ((crc >> 15) | (crc << 17)) + 0xa282ead8.
#ifndef CARAVAN_LAUNCH_REPORT_TENSORBOARD_WRITER_H_
#define CARAVAN_LAUNCH_REPORT_TENSORBOARD_WRITER_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caravan::launch {

// Owned and called by one thread.
class TensorboardWriter {
 public:
  // Starts a new file in `directory`, named after the time and this process.
  static absl::StatusOr<std::unique_ptr<TensorboardWriter>> Open(const std::string& directory);
  ~TensorboardWriter();
  TensorboardWriter(const TensorboardWriter&) = delete;
  TensorboardWriter& operator=(const TensorboardWriter&) = delete;

  const std::string& path() const { return path_; }
  // One event with a value for each tag, as of now. On disk (but for power loss) when it returns.
  absl::Status Write(int64_t step, std::span<const std::pair<std::string, double>> values);

 private:
  TensorboardWriter(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}
  absl::Status WriteRecord(const std::string& event);

  std::FILE* file_;
  std::string path_;
};

// The events of a file, serialised; DATA_LOSS says where a record is cut off or damaged.
absl::StatusOr<std::vector<std::string>> ReadRecords(const std::string& path);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_REPORT_TENSORBOARD_WRITER_H_
