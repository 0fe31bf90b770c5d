// Which daily columns an import reads, and what each is for. Pure.
#ifndef CARAVAN_DATA_DAILY_LAYOUT_H_
#define CARAVAN_DATA_DAILY_LAYOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"

namespace caravan::data {

struct DailyLayout {
  std::vector<std::string> columns;  // each once: features, then tasks' and the active column
  struct SequenceField {
    conf::FieldGroup group;
    std::string name;  // group.column
    uint32_t column;   // index into columns
  };
  std::vector<SequenceField> fields;   // behaviour, then performance, in the job's order
  std::vector<uint32_t> task_columns;  // by task, index into columns
  uint32_t active_column = 0;
};

// INVALID_ARGUMENT when the job names a feature twice, has no task, or no column to go by.
absl::StatusOr<DailyLayout> MakeDailyLayout(const conf::Data& data);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_DAILY_LAYOUT_H_
