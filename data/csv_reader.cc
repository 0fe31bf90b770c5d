#include "data/csv_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/status_macros.h"
#include "data/calendar.h"

namespace caravan::data {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 18;
constexpr int kEnd = -1;

// What an error shows of a field's text.
std::string Quoted(std::string_view text) {
  constexpr size_t kShown = 40;
  return text.size() <= kShown ? fmt::format("'{}'", text)
                               : fmt::format("'{}…'", text.substr(0, kShown));
}

}  // namespace

CsvReader::CsvReader(std::string path, std::unique_ptr<ByteSource> source)
    : path_(std::move(path)), source_(std::move(source)), buffer_(kBufferBytes, '\0') {}

absl::StatusOr<CsvReader> CsvReader::Open(const std::string& path) {
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, ByteSource::Open(path));
  return FromSource(path, std::move(source));
}

absl::StatusOr<CsvReader> CsvReader::FromSource(const std::string& path,
                                                std::unique_ptr<ByteSource> source) {
  CsvReader reader(path, std::move(source));
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (reader.Fill() &&
      std::string_view(reader.buffer_.data(), reader.filled_).starts_with(kByteOrderMark)) {
    reader.position_ = kByteOrderMark.size();
  }
  CARAVAN_ASSIGN_OR_RETURN(const bool found, reader.ReadRecord());
  if (!found) return reader.Error("the file is empty; a header was expected");
  for (uint32_t i = 0; i < reader.ends_.size(); ++i) {
    std::string name(reader.Text(i));
    if (std::find(reader.columns_.begin(), reader.columns_.end(), name) != reader.columns_.end()) {
      return reader.Error(fmt::format("the header names column '{}' twice", name));
    }
    reader.columns_.push_back(std::move(name));
  }
  return reader;
}

absl::StatusOr<uint32_t> CsvReader::Column(std::string_view name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found != columns_.end()) return static_cast<uint32_t>(found - columns_.begin());
  return absl::NotFoundError(
      fmt::format("{}: no column '{}'; there are: {}", path_, name, fmt::join(columns_, ", ")));
}

absl::StatusOr<bool> CsvReader::Next() {
  CARAVAN_ASSIGN_OR_RETURN(const bool found, ReadRecord());
  if (found && ends_.size() != columns_.size()) {
    return Error(fmt::format("{} fields where the header has {}", ends_.size(), columns_.size()));
  }
  return found;
}

std::string_view CsvReader::Text(uint32_t column) const {
  const size_t begin = column == 0 ? 0 : ends_[column - 1];
  return std::string_view(record_).substr(begin, ends_[column] - begin);
}

absl::StatusOr<std::optional<float>> CsvReader::Number(uint32_t column) const {
  const std::string_view text = Text(column);
  if (text.empty()) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() ||
      !(std::abs(value) <= std::numeric_limits<float>::max())) {
    return ErrorAt(column, fmt::format("{} is no finite number", Quoted(text)));
  }
  return static_cast<float>(value);
}

absl::StatusOr<int32_t> CsvReader::Date(uint32_t column) const {
  const std::optional<int32_t> day = ParseDate(Text(column));
  if (day) return *day;
  return ErrorAt(column, fmt::format("{} is no date; YYYY-MM-DD is", Quoted(Text(column))));
}

absl::Status CsvReader::Error(std::string_view message) const {
  return absl::InvalidArgumentError(fmt::format("{}:{}: {}", path_, record_line_, message));
}

absl::Status CsvReader::ErrorAt(uint32_t column, std::string_view message) const {
  return absl::InvalidArgumentError(
      fmt::format("{}:{}: column '{}': {}", path_, record_line_, columns_[column], message));
}

bool CsvReader::Fill() {
  if (!status_.ok()) return false;
  absl::StatusOr<size_t> got = source_->Read(buffer_);
  status_ = got.status();
  position_ = 0;
  filled_ = got.ok() ? *got : 0;
  return filled_ > 0;
}

int CsvReader::PeekByte() {
  if (position_ == filled_ && !Fill()) return kEnd;
  return static_cast<unsigned char>(buffer_[position_]);
}

int CsvReader::NextByte() {
  const int byte = PeekByte();
  if (byte == kEnd) return kEnd;
  ++position_;
  if (byte == '\n') ++line_;
  return byte;
}

absl::StatusOr<bool> CsvReader::ReadRecord() {
  while (PeekByte() == '\n' || PeekByte() == '\r') NextByte();
  record_line_ = line_;
  record_.clear();
  ends_.clear();
  if (PeekByte() == kEnd) {
    CARAVAN_RETURN_IF_ERROR(status_);
    return false;
  }
  while (true) {
    CARAVAN_RETURN_IF_ERROR(PeekByte() == '"' ? ReadQuoted() : ReadPlain());
    ends_.push_back(record_.size());
    int byte = NextByte();
    if (byte == ',') continue;
    if (byte == '\r') byte = NextByte();
    CARAVAN_RETURN_IF_ERROR(status_);
    if (byte == '\n' || byte == kEnd) return true;
    return Error(fmt::format("field {}: a comma or a line's end is missing behind {}", ends_.size(),
                             Quoted(Text(static_cast<uint32_t>(ends_.size() - 1)))));
  }
}

absl::Status CsvReader::ReadQuoted() {
  NextByte();
  while (true) {
    const int byte = NextByte();
    if (byte == kEnd) {
      CARAVAN_RETURN_IF_ERROR(status_);
      return Error(fmt::format("field {}: a quote is opened and never closed", ends_.size() + 1));
    }
    if (byte == '"') {
      if (PeekByte() != '"') return absl::OkStatus();
      NextByte();
    }
    record_ += static_cast<char>(byte);
    if (record_.size() > kRecordBytesMax) {
      return Error(fmt::format("field {}: a record longer than {} bytes; is a quote not closed?",
                               ends_.size() + 1, kRecordBytesMax));
    }
  }
}

absl::Status CsvReader::ReadPlain() {
  while (true) {
    const int byte = PeekByte();
    if (byte == ',' || byte == '\n' || byte == '\r' || byte == kEnd) return status_;
    if (byte == '"') {
      return Error(fmt::format("field {}: a quote within a field that does not begin with one",
                               ends_.size() + 1));
    }
    record_ += static_cast<char>(byte);
    ++position_;
    if (record_.size() > kRecordBytesMax) {
      return Error(fmt::format("field {}: a record longer than {} bytes", ends_.size() + 1,
                               kRecordBytesMax));
    }
  }
}

}  // namespace caravan::data
