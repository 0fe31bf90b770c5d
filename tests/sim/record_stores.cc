// Stores of records on the simulated disk. A store that was linked is one file, so that it can be
// digested and removed like RocksDB's.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/status_macros.h"
#include "tests/sim/disk.h"

namespace caravan::sim {
namespace {

constexpr const char* kFileName = "/records";

std::string Serialise(const Records& records) {
  std::string bytes;
  const auto put = [&bytes](const std::string& part) {
    const auto size = static_cast<uint32_t>(part.size());
    bytes.append(reinterpret_cast<const char*>(&size), sizeof(size));
    bytes += part;
  };
  for (const auto& [key, value] : records) {
    put(key);
    put(value);
  }
  return bytes;
}

Records Parse(std::string_view bytes) {
  Records records;
  const auto take = [&bytes] {
    uint32_t size = 0;
    std::memcpy(&size, bytes.data(), sizeof(size));
    std::string part(bytes.substr(sizeof(size), size));
    bytes.remove_prefix(sizeof(size) + size);
    return part;
  };
  while (!bytes.empty()) {
    std::string key = take();
    records[std::move(key)] = take();
  }
  return records;
}

}  // namespace

class SimRecordStore final : public storage::RecordStore {
 public:
  SimRecordStore(DiskOfProcess* process, std::string directory, Records view)
      : process_(process), directory_(std::move(directory)), view_(std::move(view)) {}

  absl::Status MultiGet(std::span<const std::string_view> keys,
                        absl::FunctionRef<absl::Status(size_t, std::string_view)> found) override {
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto record = view_.find(keys[i]);
      if (record != view_.end()) CARAVAN_RETURN_IF_ERROR(found(i, record->second));
    }
    return absl::OkStatus();
  }
  absl::Status Scan(
      std::string_view first, std::string_view last,
      absl::FunctionRef<absl::Status(std::string_view, std::string_view)> visit) override {
    for (auto record = view_.lower_bound(first); record != view_.end() && record->first < last;
         ++record) {
      CARAVAN_RETURN_IF_ERROR(visit(record->first, record->second));
    }
    return absl::OkStatus();
  }
  absl::Status Write(storage::RecordBatch& batch) override {
    CARAVAN_RETURN_IF_ERROR(process_->BeginWhole(true, directory_));
    Records written;
    batch.ForEach([&](std::string_view key, std::string_view value) {
      written.insert_or_assign(std::string(key), std::string(value));
      view_.insert_or_assign(std::string(key), std::string(value));
    });
    state().written.push_back(std::move(written));
    batch.Clear();
    return process_->is_dead_ ? DiskOfProcess::Dead() : absl::OkStatus();
  }
  absl::Status Flush() override {
    CARAVAN_RETURN_IF_ERROR(process_->BeginWhole(true, directory_));
    state().flushed = view_;
    state().written.clear();
    return process_->is_dead_ ? DiskOfProcess::Dead() : absl::OkStatus();
  }
  absl::Status LinkTo(const std::string& given_directory) override {
    const std::string directory = Clean(given_directory);
    CARAVAN_RETURN_IF_ERROR(process_->BeginWhole(true, directory));
    Records linked = state().flushed;
    const uint64_t more = process_->disk_->Draw(state().written.size() + 1);
    for (uint64_t i = 0; i < more; ++i) {
      for (const auto& [key, value] : state().written[i]) linked[key] = value;
    }
    auto inode = std::make_shared<Inode>();
    inode->content = inode->synced = Serialise(linked);
    process_->disk_->directories_.insert(directory);
    process_->disk_->SetName(directory + kFileName, std::move(inode));
    return process_->is_dead_ ? DiskOfProcess::Dead() : absl::OkStatus();
  }
  const std::string& directory() const override { return directory_; }

 private:
  StoreState& state() { return process_->disk_->stores_[directory_]; }

  DiskOfProcess* const process_;
  const std::string directory_;
  Records view_;
};

absl::StatusOr<std::unique_ptr<storage::RecordStore>> DiskOfProcess::Create(
    const std::string& given_directory, uint64_t /*memory_bytes*/) {
  const std::string directory = Clean(given_directory);
  CARAVAN_RETURN_IF_ERROR(BeginWhole(true, directory));
  disk_->stores_[directory] = {};
  disk_->store_owners_[directory] = this;
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(directory));
  return std::make_unique<SimRecordStore>(this, directory, Records{});
}

absl::StatusOr<std::unique_ptr<storage::RecordStore>> DiskOfProcess::Open(
    const std::string& given_directory, uint64_t /*memory_bytes*/) {
  const std::string directory = Clean(given_directory);
  if (is_dead_) return Dead();
  const auto store = disk_->stores_.find(directory);
  if (store == disk_->stores_.end()) return absl::NotFoundError(directory + " holds no store");
  disk_->store_owners_[directory] = this;
  return std::make_unique<SimRecordStore>(this, directory, store->second.flushed);
}

absl::StatusOr<std::unique_ptr<storage::RecordStore>> DiskOfProcess::OpenReadOnly(
    const std::string& given_directory, uint64_t /*memory_bytes*/) {
  const std::string directory = Clean(given_directory);
  CARAVAN_ASSIGN_OR_RETURN(const std::string content, ReadFile(directory + kFileName));
  return std::make_unique<SimRecordStore>(this, directory, Parse(content));
}

}  // namespace caravan::sim
