#include "launch/compare/field_values.h"

#include <fmt/format.h>

#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "conf/job.pb.h"

namespace caravan::launch {
namespace {

// As it is where no part of the job has such a field: the job's own check names what is wrong.
std::string WholePath(const std::string& field) {
  const google::protobuf::Descriptor& job = *conf::Job::descriptor();
  const std::string first = field.substr(0, field.find('.'));
  if (job.FindFieldByName(first) != nullptr) return field;
  for (int i = 0; i < job.field_count(); ++i) {
    const google::protobuf::Descriptor* part = job.field(i)->message_type();
    if (part == nullptr || part->FindFieldByName(first) == nullptr) continue;
    return fmt::format("{}.{}", job.field(i)->name(), field);
  }
  return field;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FieldOverrides(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\"; FIELD:VALUE,VALUE,... is wanted, as meta.layers:1,2,3", text));
  }
  const std::string field = WholePath(std::string(text.substr(0, colon)));
  const std::vector<std::string> values = absl::StrSplit(std::string(text.substr(colon + 1)), ',');
  std::vector<std::string> overrides;
  overrides.reserve(values.size());
  for (const std::string& value : values) overrides.push_back(fmt::format("{}={}", field, value));
  return overrides;
}

absl::StatusOr<std::vector<std::vector<std::string>>> OverrideGrid(std::string_view text) {
  std::vector<std::vector<std::string>> grid = {{}};
  const std::vector<std::string> fields = absl::StrSplit(std::string(text), ';');
  for (const std::string& field : fields) {
    CARAVAN_ASSIGN_OR_RETURN(const std::vector<std::string> overrides, FieldOverrides(field));
    std::vector<std::vector<std::string>> longer;
    for (const std::vector<std::string>& point : grid) {
      for (const std::string& override : overrides) {
        longer.push_back(point);
        longer.back().push_back(override);
      }
    }
    grid = std::move(longer);
  }
  return grid;
}

}  // namespace caravan::launch
