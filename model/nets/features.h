// What all nets begin and end with: the inputs of job and schema, the encoded sequences, the head.
#ifndef CARAVAN_MODEL_NETS_FEATURES_H_
#define CARAVAN_MODEL_NETS_FEATURES_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"

namespace caravan::model {

// A graph with the job's tables (one a FieldGroup), fields and tasks, as yet without ops.
// INVALID_ARGUMENT where job and schema do not fit each other or a net.
absl::StatusOr<std::unique_ptr<Graph>> StartGraph(const conf::Job& job, const conf::Schema& schema);

// F (M2M eq. 5): both sequences encoded and pooled, the dense features behind: [D].
ValueId AddSampleFeatures(Graph& graph, const conf::Model& model);

// The embeddings of S and A, one behind the other: [fields * width].
ValueId AddAttributes(Graph& graph);

// z = w^T x + c, with model.exposure_offset_days behind it, predictions and losses; x: [m, d].
// Closes the graph. INVALID_ARGUMENT where the offset does not fit link or features.
absl::Status AddOutputs(Graph& graph, ValueId x, const conf::Job& job, const conf::Schema& schema);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_NETS_FEATURES_H_
