// Writes a synthetic world as raw tables that an import reads, with the job that does.
#ifndef CARAVAN_DATA_WORLD_WORLD_WRITER_H_
#define CARAVAN_DATA_WORLD_WORLD_WRITER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "data/world/world.h"

namespace caravan::data {

inline constexpr const char* kRecordFile = "world_record.txtpb";
inline constexpr const char* kJobFile = "job.txtpb";

struct WorldProgress {
  uint64_t rows = 0;    // of the daily file so far
  double fraction = 0;  // of the world's days, 0 to 1
};

struct WorldReport {
  uint64_t rows = 0;
  uint64_t daily_bytes = 0;
  std::vector<uint64_t> members;        // by scenario: advertisers that are in it
  std::vector<uint64_t> scenario_rows;  // by scenario: rows of the daily file
};

// Writes daily.csv.zst (day by day, so that memory does not grow with the scale), entities.csv.zst,
// scenarios.csv, then the record by which WorldOracle knows them, and job.txtpb last. `directory`
// is made if need be; ALREADY_EXISTS where there is something in it. `progress` is called now and
// then on the caller's thread; may be empty.
absl::StatusOr<WorldReport> WriteWorld(const World& world, const std::string& directory,
                                       const std::function<void(const WorldProgress&)>& progress);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_WORLD_WORLD_WRITER_H_
