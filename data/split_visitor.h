// Every sample of a split once, in the files' own order, without a model.
#ifndef CARAVAN_DATA_SPLIT_VISITOR_H_
#define CARAVAN_DATA_SPLIT_VISITOR_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "conf/schema.pb.h"
#include "data/batch.h"
#include "data/sample_reader.h"

namespace caravan::data {

// `reader` names the batch's entities; both die with the call.
using BatchVisitor = std::function<absl::Status(const Batch& batch, const SampleReader& reader)>;

// Batches of up to `batch_size` samples. `directory`: an imported folder with the schema. NOT_FOUND
// names a split that the data set does not have and those that it has; ends early with what `visit`
// returns.
absl::Status VisitSplit(const std::string& directory, const conf::Schema& schema,
                        const std::string& split, uint32_t batch_size, const BatchVisitor& visit);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_SPLIT_VISITOR_H_
