// A job with every default written out.
#ifndef CARAVAN_CONF_JOB_DEFAULTS_H_
#define CARAVAN_CONF_JOB_DEFAULTS_H_

#include <cstdint>

#include "conf/job.pb.h"

namespace caravan::conf {

// Sets every field that has a default and is not set. An optimizer of no kind becomes Adam; what
// means something by being absent (sparse_optimizer, the split's ranges) stays absent.
void FillDefaults(Job& job);
void FillDefaults(Data& data);

// Days over which min_active_days counts: active_window_days, history_days where that is 0.
uint32_t ActiveWindowDays(const Data& data);

}  // namespace caravan::conf

#endif  // CARAVAN_CONF_JOB_DEFAULTS_H_
