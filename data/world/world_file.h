// The file that describes a synthetic world (conf/world.proto), checked.
#ifndef CARAVAN_DATA_WORLD_WORLD_FILE_H_
#define CARAVAN_DATA_WORLD_WORLD_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/field_locations.h"
#include "conf/job.pb.h"
#include "conf/world.pb.h"

namespace caravan::data {

// That a world can be drawn: ranges hold, shares sum to 1, names differ and can stand in a CSV,
// each matrix of correlations is one (square, symmetric, ones on the diagonal, positive definite),
// the job made of it (WorldJob) is right. An error is one line: file:line:column, the field's path,
// what was found, what is allowed.
absl::Status CheckWorld(const conf::World& world, const conf::FieldLocations& locations);

// A world that passes, from its file.
absl::StatusOr<conf::World> LoadWorld(const std::string& path);

// The job of a world's tables: world.job() with tables, columns and tasks filled in. The tables lie
// where the job file does.
conf::Job WorldJob(const conf::World& world);

// Names in the tables that synth writes.
inline constexpr const char* kDailyFile = "daily.csv.zst";
inline constexpr const char* kEntitiesFile = "entities.csv.zst";
inline constexpr const char* kScenariosFile = "scenarios.csv";

}  // namespace caravan::data

#endif  // CARAVAN_DATA_WORLD_WORLD_FILE_H_
