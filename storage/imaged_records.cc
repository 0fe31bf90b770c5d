#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/status_macros.h"
#include "storage/image.h"

namespace caravan::storage {

uint64_t RecordLsn(std::string_view value) {
  uint64_t lsn = 0;
  if (value.size() >= sizeof(lsn)) std::memcpy(&lsn, value.data(), sizeof(lsn));
  return lsn;
}

namespace {

class ImagedRecords final : public RecordStore {
 public:
  ImagedRecords(std::unique_ptr<RecordStore> cold, ImageContent images, uint64_t lsn)
      : cold_(std::move(cold)), images_(std::move(images)), lsn_(lsn) {}

  absl::Status MultiGet(std::span<const std::string_view> keys,
                        absl::FunctionRef<absl::Status(size_t, std::string_view)> found) override {
    std::vector<bool> is_answered(keys.size());
    CARAVAN_RETURN_IF_ERROR(
        cold_->MultiGet(keys, [&](size_t i, std::string_view value) -> absl::Status {
          const std::string_view image = images_.Find(keys[i]);
          if (!IsAnswer(value, image)) return absl::OkStatus();
          is_answered[i] = true;
          return found(i, value);
        }));
    for (size_t i = 0; i < keys.size(); ++i) {
      if (is_answered[i]) continue;
      const std::string_view image = images_.Find(keys[i]);
      if (image.data() != nullptr) CARAVAN_RETURN_IF_ERROR(found(i, image));
    }
    return absl::OkStatus();
  }

  absl::Status Scan(
      std::string_view first, std::string_view last,
      absl::FunctionRef<absl::Status(std::string_view, std::string_view)> visit) override {
    const auto records = images_.records();
    const auto before = [](const auto& record, std::string_view key) { return record.first < key; };
    auto next = std::lower_bound(records.begin(), records.end(), first, before);
    const auto visit_before = [&](std::string_view key) -> absl::Status {
      for (; next != records.end() && next->first < key; ++next) {
        CARAVAN_RETURN_IF_ERROR(visit(next->first, next->second));
      }
      return absl::OkStatus();
    };
    CARAVAN_RETURN_IF_ERROR(
        cold_->Scan(first, last, [&](std::string_view key, std::string_view value) -> absl::Status {
          CARAVAN_RETURN_IF_ERROR(visit_before(key));
          std::string_view image;
          if (next != records.end() && next->first == key) image = (next++)->second;
          if (IsAnswer(value, image)) return visit(key, value);
          return image.data() != nullptr ? visit(key, image) : absl::OkStatus();
        }));
    return visit_before(last);
  }

  absl::Status Write(RecordBatch&) override { return ReadOnly(); }
  absl::Status Flush() override { return ReadOnly(); }
  absl::Status LinkTo(const std::string&) override { return ReadOnly(); }
  const std::string& directory() const override { return cold_->directory(); }

 private:
  // Whether the cold record counts, and not that of the images.
  bool IsAnswer(std::string_view cold, std::string_view image) const {
    return RecordLsn(cold) <= lsn_ &&
           (image.data() == nullptr || RecordLsn(cold) > RecordLsn(image));
  }
  absl::Status ReadOnly() const {
    return absl::FailedPreconditionError(
        fmt::format("{} is of a checkpoint, which is never written again", cold_->directory()));
  }

  std::unique_ptr<RecordStore> cold_;
  ImageContent images_;
  const uint64_t lsn_;
};

}  // namespace

std::unique_ptr<RecordStore> MakeImagedRecords(std::unique_ptr<RecordStore> cold,
                                               ImageContent images, uint64_t lsn) {
  return std::make_unique<ImagedRecords>(std::move(cold), std::move(images), lsn);
}

}  // namespace caravan::storage
