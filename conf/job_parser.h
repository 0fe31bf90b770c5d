// Protobuf text to a job, with errors that a person can act on.
#ifndef CARAVAN_CONF_JOB_PARSER_H_
#define CARAVAN_CONF_JOB_PARSER_H_

#include <string>

#include "absl/status/status.h"
#include "conf/field_locations.h"
#include "conf/job.pb.h"

namespace caravan::conf {

// Parses `text`, which came from `file`, and notes where each field stands. INVALID_ARGUMENT is one
// line: file:line:column, what was found there and what is allowed.
absl::Status ParseJob(const std::string& text, const std::string& file, Job& job,
                      FieldLocations& locations);

// " (did you mean X?)" with the field of `message` whose name is closest; empty where none is.
std::string NearestField(const google::protobuf::Descriptor& message, const std::string& name);
// "A, B or C": an enum's values.
std::string EnumChoices(const google::protobuf::EnumDescriptor& type);

}  // namespace caravan::conf

#endif  // CARAVAN_CONF_JOB_PARSER_H_
