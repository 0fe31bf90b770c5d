// CSV as RFC 4180 has it: a header, fields parted by commas, quoted ones with commas, line breaks
// and doubled quotes inside; LF or CRLF, with or without a byte order mark. Plain, .gz or .zst.
// Every error names file, line and, where there is one, column.
#ifndef CARAVAN_DATA_CSV_READER_H_
#define CARAVAN_DATA_CSV_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/byte_source.h"

namespace caravan::data {

// A record longer than this is an error (a quote that nobody closed, mostly). Bytes.
inline constexpr size_t kRecordBytesMax = size_t{1} << 20;

// Owned and called by one thread. Views die at the next Next().
class CsvReader {
 public:
  // Reads the header too. INVALID_ARGUMENT for an empty file or a column named twice.
  static absl::StatusOr<CsvReader> Open(const std::string& path);
  // The same for bytes from elsewhere; errors call them `path`.
  static absl::StatusOr<CsvReader> FromSource(const std::string& path,
                                              std::unique_ptr<ByteSource> source);

  const std::vector<std::string>& columns() const { return columns_; }
  // NOT_FOUND names the columns that there are.
  absl::StatusOr<uint32_t> Column(std::string_view name) const;

  // The next record; false at the end. INVALID_ARGUMENT for a record that is no CSV or has another
  // number of fields than the header. Empty lines are passed over.
  absl::StatusOr<bool> Next();

  // Of the current record.
  uint64_t line() const { return record_line_; }  // its first line, from 1
  std::string_view Text(uint32_t column) const;
  // Nothing for an empty field; INVALID_ARGUMENT for what is no number, or none
  // that a float can hold.
  absl::StatusOr<std::optional<float>> Number(uint32_t column) const;
  // Days since 1970-01-01.
  absl::StatusOr<int32_t> Date(uint32_t column) const;

  // INVALID_ARGUMENT "file:line: message", or "file:line: column 'name': message".
  absl::Status Error(std::string_view message) const;
  absl::Status ErrorAt(uint32_t column, std::string_view message) const;

  double Fraction() const { return source_->Fraction(); }

 private:
  explicit CsvReader(std::string path, std::unique_ptr<ByteSource> source);

  // The next byte, or -1 at the end or after an error, which status_ then holds.
  int NextByte();
  int PeekByte();
  bool Fill();
  absl::StatusOr<bool> ReadRecord();
  absl::Status ReadQuoted();
  absl::Status ReadPlain();

  std::string path_;
  std::unique_ptr<ByteSource> source_;
  std::vector<std::string> columns_;
  std::string buffer_;
  size_t position_ = 0;
  size_t filled_ = 0;
  absl::Status status_;
  uint64_t line_ = 1;  // of the next byte
  uint64_t record_line_ = 1;
  std::string record_;        // the fields' text, one behind the other
  std::vector<size_t> ends_;  // where each field ends in record_
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_CSV_READER_H_
