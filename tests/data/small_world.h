// Small raw tables whose every value is known: what an import must make of them can be computed
// beside it. A test may spoil the tables before it imports them.
#ifndef CARAVAN_TESTS_DATA_SMALL_WORLD_H_
#define CARAVAN_TESTS_DATA_SMALL_WORLD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "data/import.h"
#include "tests/data/temporary_folder.h"

namespace caravan::data {

inline constexpr int kWorldEntities = 30;  // e0 … e29
inline constexpr int kWorldDays = 60;      // from 2020-01-01
inline constexpr int kWorldHistory = 10;
inline constexpr int kWorldHorizon = 3;

struct WorldRow {
  float clicks;
  float cost;
  float visits;
};

class SmallWorld {
 public:
  SmallWorld();

  // The row of a day counted from 2020-01-01; nothing where there is none.
  static std::optional<WorldRow> Row(int entity, int scenario, int day);

  // Writes the tables and imports them to out().
  absl::StatusOr<ImportReport> Import(uint64_t sample_file_bytes = kSampleFileBytes) const;
  std::string out() const { return folder_.path() + "/out"; }
  const TemporaryFolder& folder() const { return folder_; }

  conf::Job job;
  std::string daily;      // date,entity,scenario,clicks,cost,visits
  std::string entities;   // entity,city,height; e7 has neither
  std::string scenarios;  // scenario,name,budget: A and B

 private:
  TemporaryFolder folder_;
};

}  // namespace caravan::data

#endif  // CARAVAN_TESTS_DATA_SMALL_WORLD_H_
