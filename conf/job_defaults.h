// A job with every default written out.
#ifndef CARAVAN_CONF_JOB_DEFAULTS_H_
#define CARAVAN_CONF_JOB_DEFAULTS_H_

#include "conf/job.pb.h"

namespace caravan::conf {

// Sets every field that has a default and is not set. An optimizer of no kind becomes Adam; what
// means something by being absent (sparse_optimizer, the split's ranges) stays absent.
void FillDefaults(Job& job);
void FillDefaults(Data& data);

}  // namespace caravan::conf

#endif  // CARAVAN_CONF_JOB_DEFAULTS_H_
