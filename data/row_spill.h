// Daily rows on their way from the daily file, which is sorted by date, to series: spilled to disk
// in kSpillParts parts by a frozen hash of the entity, each small enough to be sorted in memory.
#ifndef CARAVAN_DATA_ROW_SPILL_H_
#define CARAVAN_DATA_ROW_SPILL_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/daily_reader.h"
#include "data/series.h"

namespace caravan::data {

inline constexpr uint32_t kSpillParts = 256;

// The random draw that decides where an entity lies: parts and files are ordered by it. Frozen.
uint64_t EntityHash(std::string_view entity);

// Owned and called by one thread. Its folder goes when it does.
class RowSpill {
 public:
  static absl::StatusOr<std::unique_ptr<RowSpill>> Create(const std::string& directory,
                                                          uint32_t columns);
  ~RowSpill();
  RowSpill(const RowSpill&) = delete;
  RowSpill& operator=(const RowSpill&) = delete;

  absl::Status Add(const DailyRow& row, uint64_t entity_hash);
  // Behind the last Add, before the first Part.
  absl::Status Finish();

  // The series of part `part` < kSpillParts, ordered by (entity hash, entity, scenario).
  // `entity_names`: by entity.
  absl::StatusOr<std::vector<Series>> Part(uint32_t part,
                                           std::span<const std::string> entity_names) const;

 private:
  RowSpill(std::string directory, uint32_t columns);

  std::string Path(uint32_t part) const;
  absl::Status Flush(uint32_t part);
  size_t RecordBytes() const;

  std::string directory_;
  uint32_t columns_;
  std::vector<std::string> buffers_;  // by part
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_ROW_SPILL_H_
