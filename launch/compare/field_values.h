// "FIELD:VALUE,VALUE,...": values of a job's field, for a sweep or a search. Pure.
#ifndef CARAVAN_LAUNCH_COMPARE_FIELD_VALUES_H_
#define CARAVAN_LAUNCH_COMPARE_FIELD_VALUES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace caravan::launch {

// The overrides of a job (conf/job_overrides.h) that set the field to each value, in order. The
// name of the part that a field is in may be left out where it is one of the job's own parts:
// "history_days" is data.history_days, "meta.layers" model.meta.layers. INVALID_ARGUMENT where
// there is no field or no value; whether the field takes the value is the job's to say.
absl::StatusOr<std::vector<std::string>> FieldOverrides(std::string_view text);

// "FIELD:VALUES;FIELD:VALUES": all combinations, the first field's values slowest; each a list of
// overrides.
absl::StatusOr<std::vector<std::vector<std::string>>> OverrideGrid(std::string_view text);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_COMPARE_FIELD_VALUES_H_
