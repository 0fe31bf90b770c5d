#include "data/row_spill.h"

#include <fmt/format.h>
#include <glog/logging.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "base/status_macros.h"

namespace caravan::data {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 16;

// A row as spilled, the values behind it.
struct RecordHead {
  uint32_t entity;
  uint32_t scenario;
  int32_t day;
};

struct RowPlace {
  uint64_t entity_hash;
  RecordHead head;
  size_t offset;  // of the values

  bool operator<(const RowPlace& other) const {
    return std::tie(entity_hash, head.entity, head.scenario, head.day) <
           std::tie(other.entity_hash, other.head.entity, other.head.scenario, other.head.day);
  }
};

}  // namespace

uint64_t EntityHash(std::string_view entity) { return HashBytes(entity); }

RowSpill::RowSpill(std::string directory, uint32_t columns)
    : directory_(std::move(directory)), columns_(columns), buffers_(kSpillParts) {}

RowSpill::~RowSpill() {
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
  if (error) LOG(WARNING) << "cannot remove " << directory_ << ": " << error.message();
}

absl::StatusOr<std::unique_ptr<RowSpill>> RowSpill::Create(const std::string& directory,
                                                           uint32_t columns) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), fmt::format("cannot clear folder {}", directory));
  }
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(directory));
  return std::unique_ptr<RowSpill>(new RowSpill(directory, columns));
}

std::string RowSpill::Path(uint32_t part) const {
  return fmt::format("{}/part-{:03}", directory_, part);
}

size_t RowSpill::RecordBytes() const { return sizeof(RecordHead) + columns_ * sizeof(float); }

absl::Status RowSpill::Add(const DailyRow& row, uint64_t entity_hash) {
  const auto part = static_cast<uint32_t>(entity_hash >> 56);
  const RecordHead head = {.entity = row.entity, .scenario = row.scenario, .day = row.day};
  std::string& buffer = buffers_[part];
  buffer.append(reinterpret_cast<const char*>(&head), sizeof(head));
  buffer.append(reinterpret_cast<const char*>(row.values.data()), row.values.size_bytes());
  return buffer.size() < kBufferBytes ? absl::OkStatus() : Flush(part);
}

absl::Status RowSpill::Flush(uint32_t part) {
  const std::string path = Path(part);
  std::FILE* file = std::fopen(path.c_str(), "abe");
  if (file == nullptr) return absl::ErrnoToStatus(errno, fmt::format("cannot open {}", path));
  std::string& buffer = buffers_[part];
  const bool written = std::fwrite(buffer.data(), 1, buffer.size(), file) == buffer.size();
  const int error = errno;
  if (std::fclose(file) != 0 || !written) {
    return absl::ErrnoToStatus(written ? errno : error, fmt::format("cannot write {}", path));
  }
  buffer.clear();
  return absl::OkStatus();
}

absl::Status RowSpill::Finish() {
  for (uint32_t part = 0; part < kSpillParts; ++part) {
    CARAVAN_RETURN_IF_ERROR(Flush(part));
    buffers_[part].shrink_to_fit();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Series>> RowSpill::Part(
    uint32_t part, std::span<const std::string> entity_names) const {
  CARAVAN_ASSIGN_OR_RETURN(const std::string content, ReadFile(Path(part)));
  if (content.size() % RecordBytes() != 0) {
    return absl::DataLossError(fmt::format("{}: cut off while the import ran", Path(part)));
  }
  std::vector<RowPlace> places(content.size() / RecordBytes());
  for (size_t i = 0; i < places.size(); ++i) {
    RowPlace& place = places[i];
    std::memcpy(&place.head, content.data() + i * RecordBytes(), sizeof(RecordHead));
    if (place.head.entity >= entity_names.size()) {
      return absl::DataLossError(fmt::format("{}: changed while the import ran", Path(part)));
    }
    place.entity_hash = EntityHash(entity_names[place.head.entity]);
    place.offset = i * RecordBytes() + sizeof(RecordHead);
  }
  std::sort(places.begin(), places.end());

  std::vector<Series> all;
  for (const RowPlace& place : places) {
    if (all.empty() || all.back().entity != place.head.entity ||
        all.back().scenario != place.head.scenario) {
      all.push_back({.entity = place.head.entity,
                     .scenario = place.head.scenario,
                     .columns = columns_,
                     .days = {},
                     .values = {}});
    }
    Series& series = all.back();
    series.days.push_back(place.head.day);
    series.values.resize(series.values.size() + columns_);
    std::memcpy(series.values.data() + series.values.size() - columns_,
                content.data() + place.offset, columns_ * sizeof(float));
  }
  return all;
}

}  // namespace caravan::data
