// How many samples a split of an imported data set has.
#ifndef CARAVAN_CONF_SPLIT_SAMPLES_H_
#define CARAVAN_CONF_SPLIT_SAMPLES_H_

#include <cstdint>
#include <string_view>

#include "conf/schema.pb.h"

namespace caravan::conf {

// 0 where there is no such split.
uint64_t SplitSamples(const Schema& schema, std::string_view split);

}  // namespace caravan::conf

#endif  // CARAVAN_CONF_SPLIT_SAMPLES_H_
