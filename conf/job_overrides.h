// --set: one field of a job, given on the command line.
//
//   training.epochs=3                      a field; enums by name, booleans as true or false
//   training.optimizer.sgd.momentum=0.9    takes the place of another kind of optimizer
//   data.tasks[0].weight=2                 a field of an element
//   data.dense_windows=7,14                a repeated field as a whole; = alone empties it
//   data.dense_windows+=21                 one element more
//   data.tasks+={name: "clicks"}           a message as Protobuf text
#ifndef CARAVAN_CONF_JOB_OVERRIDES_H_
#define CARAVAN_CONF_JOB_OVERRIDES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/job.pb.h"

namespace caravan::conf {

// Sets the field and returns its path. INVALID_ARGUMENT is one line: the override, the field's
// path, what was found, what is allowed. Ranges are not checked here.
absl::StatusOr<std::string> ApplyOverride(Job& job, const std::string& override_text);

}  // namespace caravan::conf

#endif  // CARAVAN_CONF_JOB_OVERRIDES_H_
