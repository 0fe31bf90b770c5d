// What all nets begin with: the inputs of job and schema, the encoded sequences, and layers on
// them.
#ifndef CARAVAN_MODEL_NETS_FEATURES_H_
#define CARAVAN_MODEL_NETS_FEATURES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"
#include "model/row_columns.h"

namespace caravan::model {

// A graph with the job's tables (one a FieldGroup), fields and tasks, as yet without ops. Rows are
// `row_width` wide, or model.embedding_width where that is 0.
// INVALID_ARGUMENT where job and schema do not fit each other or a net.
absl::StatusOr<std::unique_ptr<Graph>> StartGraph(const conf::Job& job, const conf::Schema& schema,
                                                  uint32_t row_width = 0);

// The parts of F (M2M eq. 5), each [D_i]: both sequences encoded and pooled, the dense features
// behind. Of the tables' rows `columns` are used; `prefix` leads the names.
std::vector<ValueId> AddFeatureParts(Graph& graph, const conf::Model& model,
                                     const std::string& prefix = "", RowColumns columns = {});
// F, the parts one behind the other: [D].
ValueId AddSampleFeatures(Graph& graph, const conf::Model& model);

// By conf::FieldGroup: a group's table has its name, in lower case.
const char* TableName(uint32_t table);

// Fields of S and A.
std::vector<uint32_t> AttributeFields(const Graph& graph);
// The embeddings of S and A, one behind the other: [fields * width].
ValueId AddAttributes(Graph& graph);
// F, S and A one behind the other: what a net sees to which the scenario is one feature of many.
ValueId AddAllFeatures(Graph& graph, const conf::Model& model);

// y = LeakyReLU(W x + b), x the whole of `input`; y has the shape `shape`.
ValueId AddLayer(Graph& graph, const std::string& name, ValueId input, const conf::Model& model,
                 Shape shape);
// A layer of each task's own: x [m, in] to y [m, out].
ValueId AddTaskLayer(Graph& graph, const std::string& name, ValueId input, const conf::Model& model,
                     uint32_t out);
// z = W x + b, [m, choices]: what the softmax gates of the tasks are made of.
ValueId AddGates(Graph& graph, ValueId features, uint32_t choices);
// The hidden layer of the baselines' towers, 128 wide (M2M 5.1.2): [m, d] to [m, 128].
inline constexpr uint32_t kTowerWidth = 128;

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_NETS_FEATURES_H_
