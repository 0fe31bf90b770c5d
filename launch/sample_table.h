// A schema's samples by split and scenario, as people and as programs read them.
#ifndef CARAVAN_LAUNCH_SAMPLE_TABLE_H_
#define CARAVAN_LAUNCH_SAMPLE_TABLE_H_

#include <nlohmann/json.hpp>
#include <string>

#include "conf/schema.pb.h"

namespace caravan::launch {

// A table of splits x scenarios, with dates and sums; ends with a line's end.
std::string SampleTable(const conf::Schema& schema);

// {split: {scenario: samples}}
nlohmann::ordered_json SampleCounts(const conf::Schema& schema);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_SAMPLE_TABLE_H_
