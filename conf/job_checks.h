// What a job must satisfy beyond its schema.
#ifndef CARAVAN_CONF_JOB_CHECKS_H_
#define CARAVAN_CONF_JOB_CHECKS_H_

#include "absl/status/status.h"
#include "conf/field_locations.h"
#include "conf/job.pb.h"

namespace caravan::conf {

// Every field's (range), of a job or another file. INVALID_ARGUMENT: where, path, what was found,
// what is allowed.
absl::Status CheckRanges(const google::protobuf::Message& message, const FieldLocations& locations);

// What fields have to do with each other: tasks are there and differ, windows fit in the history,
// splits do not overlap, every lane has a shard, ... INVALID_ARGUMENT likewise.
absl::Status CheckConsistency(const Job& job, const FieldLocations& locations);

}  // namespace caravan::conf

#endif  // CARAVAN_CONF_JOB_CHECKS_H_
