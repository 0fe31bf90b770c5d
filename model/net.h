// A net: declared once as a graph of ops over named parameters, then trained, evaluated, counted
// and exported from that one declaration.
#ifndef CARAVAN_MODEL_NET_H_
#define CARAVAN_MODEL_NET_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/model_spec.pb.h"
#include "conf/schema.pb.h"
#include "model/graph.h"

namespace caravan::model {

// Builds the net that job.model().net() names. INVALID_ARGUMENT names the field that does not fit
// (heads that do not divide the encoder's width, no tasks, ...).
absl::StatusOr<std::unique_ptr<Graph>> BuildNet(const conf::Job& job, const conf::Schema& schema);

// What model.net may be, in the order in which reports list them.
std::vector<std::string> NetNames();

// What the servers keep for it: tables by FieldGroup, dense tensors in the graph's order.
conf::ModelSpec MakeModelSpec(const Graph& graph);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_NET_H_
