// Files of named columns in compressed, checksummed blocks: the container of a sample file.
// docs/formats/sample_file.md has every byte. A change of any byte is found when the file is parsed
// or the column read.
#ifndef CARAVAN_DATA_COLUMN_FILE_H_
#define CARAVAN_DATA_COLUMN_FILE_H_

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "data/sample_file.pb.h"

namespace caravan::data {

static_assert(std::endian::native == std::endian::little, "columns are stored little-endian");

inline constexpr std::string_view kColumnFileMagic = "CRVNSMPL";
inline constexpr uint32_t kColumnFileVersion = 1;
inline constexpr size_t kBlockBytesMax = size_t{1} << 20;       // decompressed
inline constexpr uint64_t kColumnBytesMax = uint64_t{1} << 32;  // decompressed

// Builds a file in memory. Columns come in the order in which they are added.
class ColumnFileWriter {
 public:
  ColumnFileWriter();

  template <typename T>
  absl::Status Add(const std::string& name, std::span<const T> elements) {
    return AddBytes(name, sizeof(T),
                    {reinterpret_cast<const char*>(elements.data()), elements.size_bytes()});
  }

  // What the index says beside the columns.
  format::Index& index() { return index_; }
  // The whole file. Nothing may be added behind it.
  std::string Finish();

 private:
  absl::Status AddBytes(const std::string& name, uint32_t element_bytes, std::string_view raw);

  std::string content_;
  format::Index index_;
};

// Parses header, index and footer of `content`, a whole file, and checks that blocks fill what lies
// between. DATA_LOSS names `path` and what is damaged; FAILED_PRECONDITION another version.
absl::StatusOr<format::Index> ParseColumnFile(const std::string& path, std::string_view content);

// The one column of that name; null where there is none.
const format::Column* FindColumn(const format::Index& index, std::string_view name);

// Decompresses a column. DATA_LOSS names path, column and block.
absl::StatusOr<std::string> ReadColumnBytes(const std::string& path, std::string_view content,
                                            const format::Column& column);

// Column `name`, which must have elements of T's size.
template <typename T>
absl::StatusOr<std::vector<T>> ReadColumn(const std::string& path, std::string_view content,
                                          const format::Index& index, std::string_view name) {
  const format::Column* column = FindColumn(index, name);
  if (column == nullptr || column->element_bytes() != sizeof(T)) {
    return absl::DataLossError(
        fmt::format("{}: no column {} with elements of {} bytes", path, name, sizeof(T)));
  }
  CARAVAN_ASSIGN_OR_RETURN(const std::string bytes, ReadColumnBytes(path, content, *column));
  std::vector<T> elements(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(elements.data(), bytes.data(), elements.size() * sizeof(T));
  return elements;
}

}  // namespace caravan::data

#endif  // CARAVAN_DATA_COLUMN_FILE_H_
