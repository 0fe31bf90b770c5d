// Reads a job file, applies overrides, checks every range, and fills in what has to be known.
#ifndef CARAVAN_CONF_JOB_LOADER_H_
#define CARAVAN_CONF_JOB_LOADER_H_

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"

namespace caravan::conf {

// `overrides`: "path.to.field=value" each, as from --set. An error is one line: file:line:column
// (or the override), the field's path, what was found, what is allowed, and for an unknown field
// the nearest known name. data.directory comes back absolute: a relative one counts from the file's
// folder, one given by an override from the working directory.
absl::StatusOr<Job> LoadJob(const std::string& path, std::span<const std::string> overrides);

// Overrides on a job already loaded (a run's own), checked likewise.
absl::Status ApplyOverrides(Job& job, std::span<const std::string> overrides);

// The job with every default written out, as Protobuf text.
std::string JobText(const Job& job);

}  // namespace caravan::conf

#endif  // CARAVAN_CONF_JOB_LOADER_H_
