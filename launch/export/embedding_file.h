// A table's embedding rows as a server maps them into memory: sorted keys, then rows, one checksum
// over both. Byte by byte in docs/formats/embeddings.md.
#ifndef CARAVAN_LAUNCH_EXPORT_EMBEDDING_FILE_H_
#define CARAVAN_LAUNCH_EXPORT_EMBEDDING_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"

namespace caravan::launch {

inline constexpr uint32_t kEmbeddingFileVersion = 1;

// Writes a file piece by piece, so that a table need not fit in memory. Owned by one thread. The
// file appears under its name in Finish, whole and fsynced; one never finished leaves nothing.
class EmbeddingFileWriter {
 public:
  // `keys` ascending, each once; INVALID_ARGUMENT names the first that is not. width > 0.
  static absl::StatusOr<std::unique_ptr<EmbeddingFileWriter>> Create(
      const std::string& path, TableId table, uint32_t width, std::span<const uint64_t> keys);
  virtual ~EmbeddingFileWriter() = default;

  // The rows of the next keys: [n, width], whole rows. OUT_OF_RANGE past the last key.
  virtual absl::Status Append(std::span<const float> rows) = 0;
  // FAILED_PRECONDITION when a key has got no row. Nothing may follow.
  virtual absl::Status Finish() = 0;
};

// Maps a file. Immutable: any thread may read. Spans live as long as the object.
class EmbeddingFile {
 public:
  // Checks the header and that the file has the length it says; DATA_LOSS names the file and what
  // is wrong with it.
  static absl::StatusOr<std::unique_ptr<EmbeddingFile>> Open(const std::string& path);
  ~EmbeddingFile();
  EmbeddingFile(const EmbeddingFile&) = delete;
  EmbeddingFile& operator=(const EmbeddingFile&) = delete;

  // Reads all of it: DATA_LOSS when the checksum is another or the keys do not ascend.
  absl::Status Verify() const;

  TableId table() const { return table_; }
  uint32_t width() const { return width_; }
  std::span<const uint64_t> keys() const { return keys_; }
  std::span<const float> rows() const { return rows_; }  // [keys, width]
  // The row of a key, by binary search; empty when the file has none.
  std::span<const float> Find(uint64_t key) const;

 private:
  EmbeddingFile(std::string path, std::span<const std::byte> bytes)
      : path_(std::move(path)), bytes_(bytes) {}
  absl::Status ReadHeader();

  const std::string path_;
  const std::span<const std::byte> bytes_;  // the mapping
  TableId table_{0};
  uint32_t width_ = 0;
  uint64_t checksum_ = 0;
  std::span<const uint64_t> keys_;
  std::span<const float> rows_;
};

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_EXPORT_EMBEDDING_FILE_H_
