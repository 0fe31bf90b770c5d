// The keys of every value that a data set's fields can take: what an export holds rows for.
#ifndef CARAVAN_LAUNCH_EXPORT_VOCABULARY_H_
#define CARAVAN_LAUNCH_EXPORT_VOCABULARY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "conf/schema.pb.h"

namespace caravan::launch {

// Keys of a table's fields, ascending; none for a group without fields. INVALID_ARGUMENT names two
// fields whose keys overlap.
absl::StatusOr<std::vector<uint64_t>> VocabularyKeys(const conf::Schema& schema, TableId table);

// scenario, profile, behaviour, performance: what files and reports call a group and its table.
std::string GroupName(conf::FieldGroup group);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_EXPORT_VOCABULARY_H_
