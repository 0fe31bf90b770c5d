// Fingerprints by which roles and files tell that they belong together.
#ifndef CARAVAN_CONF_FINGERPRINT_H_
#define CARAVAN_CONF_FINGERPRINT_H_

#include <cstdint>

#include "conf/job.pb.h"
#include "conf/model_spec.pb.h"

namespace caravan::conf {

// Of the whole job with defaults filled in, but for where its data lies and what may differ between
// a run and its resumption (cluster sizes but shards, worker, server, checkpoint).
uint64_t JobFingerprint(const Job& job);
// Of what an import depends on: the data section without directory and file names.
uint64_t DataFingerprint(const Data& data);
uint64_t ModelFingerprint(const ModelSpec& model);

}  // namespace caravan::conf

#endif  // CARAVAN_CONF_FINGERPRINT_H_
