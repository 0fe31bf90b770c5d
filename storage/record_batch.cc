#include <glog/logging.h>
#include <rocksdb/write_batch.h>

#include "storage/record_store.h"

namespace caravan::storage {
namespace {

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

class Visitor final : public rocksdb::WriteBatch::Handler {
 public:
  explicit Visitor(absl::FunctionRef<void(std::string_view, std::string_view)> visit)
      : visit_(visit) {}
  void Put(const rocksdb::Slice& key, const rocksdb::Slice& value) override {
    visit_(std::string_view(key.data(), key.size()), std::string_view(value.data(), value.size()));
  }

 private:
  absl::FunctionRef<void(std::string_view, std::string_view)> visit_;
};

}  // namespace

// A WriteBatch without a size limit cannot fail.
RecordBatch::RecordBatch() : batch_(std::make_unique<rocksdb::WriteBatch>()) {}
RecordBatch::~RecordBatch() = default;
void RecordBatch::Put(std::string_view key, std::string_view value) {
  CHECK(batch_->Put(ToSlice(key), ToSlice(value)).ok());
}
void RecordBatch::Clear() { batch_->Clear(); }
uint64_t RecordBatch::bytes() const { return batch_->GetDataSize(); }
uint32_t RecordBatch::records() const { return static_cast<uint32_t>(batch_->Count()); }
void RecordBatch::ForEach(absl::FunctionRef<void(std::string_view, std::string_view)> visit) const {
  Visitor visitor(visit);
  CHECK(batch_->Iterate(&visitor).ok());
}

}  // namespace caravan::storage
