// A schema as an import of the job's data would learn it, made of the job alone: right in the
// number of fields, days, tasks and dense features, with guesses for what only data can tell.
#ifndef CARAVAN_LAUNCH_BENCH_SYNTHETIC_SCHEMA_H_
#define CARAVAN_LAUNCH_BENCH_SYNTHETIC_SCHEMA_H_

#include "conf/job.pb.h"
#include "conf/schema.pb.h"

namespace caravan::launch {

// Guesses: 32 categories a categorical field, 4 scenarios, a training mean of 1 a task.
conf::Schema SyntheticSchema(const conf::Data& data);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_BENCH_SYNTHETIC_SCHEMA_H_
