// Protobuf text files of people to messages, with errors that a person can act on.
#ifndef CARAVAN_CONF_TEXT_PARSER_H_
#define CARAVAN_CONF_TEXT_PARSER_H_

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/field_locations.h"

namespace caravan::conf {

// The text of a file; `what` it is for errors: "job file".
absl::StatusOr<std::string> ReadText(const std::string& path, std::string_view what);

// Parses `text`, which came from `file`, and notes where each field stands. INVALID_ARGUMENT is one
// line: file:line:column, what was found there and what is allowed.
absl::Status ParseText(const std::string& text, const std::string& file,
                       google::protobuf::Message& message, FieldLocations& locations);

// " (did you mean X?)" with the field of `message` whose name is closest; empty where none is.
std::string NearestField(const google::protobuf::Descriptor& message, const std::string& name);
// "A, B or C": an enum's values.
std::string EnumChoices(const google::protobuf::EnumDescriptor& type);

}  // namespace caravan::conf

#endif  // CARAVAN_CONF_TEXT_PARSER_H_
