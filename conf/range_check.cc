#include <fmt/format.h>
#include <google/protobuf/message.h>

#include <optional>
#include <vector>

#include "conf/job_checks.h"

namespace caravan::conf {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Element `index` of a repeated field, or the singular field; nothing where it is no number.
std::optional<double> Number(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool repeated = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return repeated ? reflection.GetRepeatedUInt32(message, &field, index)
                      : reflection.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return repeated ? reflection.GetRepeatedUInt64(message, &field, index)
                      : reflection.GetUInt64(message, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return repeated ? reflection.GetRepeatedDouble(message, &field, index)
                      : reflection.GetDouble(message, &field);
    default:
      return std::nullopt;
  }
}

absl::Status CheckField(const Message& message, const FieldDescriptor& field, int index,
                        const std::string& path, const FieldLocations& locations) {
  if (!field.options().HasExtension(range)) return absl::OkStatus();
  const std::optional<double> value = Number(message, field, index);
  const Range& allowed = field.options().GetExtension(range);
  // Written so that NaN is out of every range.
  if (!value.has_value() || (*value >= allowed.min() && *value <= allowed.max())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format("{}: {} is {}; {} to {} is allowed",
                                                locations.Where(path), path, *value, allowed.min(),
                                                allowed.max()));
}

absl::Status CheckMessage(const Message& message, const std::string& prefix,
                          const FieldLocations& locations) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool repeated = field->is_repeated();
    const int count = repeated ? message.GetReflection()->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const std::string path = FieldPath(prefix, *field, i);
      absl::Status status;
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        const Message& child = repeated
                                   ? message.GetReflection()->GetRepeatedMessage(message, field, i)
                                   : message.GetReflection()->GetMessage(message, field);
        status = CheckMessage(child, path, locations);
      } else {
        status = CheckField(message, *field, i, path, locations);
      }
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRanges(const Message& message, const FieldLocations& locations) {
  return CheckMessage(message, "", locations);
}

}  // namespace caravan::conf
