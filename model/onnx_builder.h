// A graph as an ONNX model (IR version 8, opset 17, standard ops only), weights included.
//
// Inputs, as far as the net reads them: each field by its name, [batch, width] or [batch, T, width]
// floats, or where its table lies in the graph [batch] or [batch, T] int64 value ids; and
// "dense_features" [batch, D], standardised. Outputs: y_hat of each task by the task's name,
// [batch]. Initializers have the names of the graph's parameters, tables in the graph those of the
// tables.
#ifndef CARAVAN_MODEL_ONNX_BUILDER_H_
#define CARAVAN_MODEL_ONNX_BUILDER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/graph.h"
#include "onnx/onnx.pb.h"

namespace caravan::model {

inline constexpr int64_t kOnnxIrVersion = 8;
inline constexpr int64_t kOnnxOpset = 17;
inline constexpr char kOnnxDenseInput[] = "dense_features";

// A table whose rows lie in the graph.
struct OnnxTable {
  std::vector<float> rows;  // [n, width], in key order
};

struct OnnxRequest {
  std::string producer_version;
  // By parameter in the graph's order, one behind the other. Must outlive the call.
  std::span<const float> dense_parameters;
  // By table: its rows where they go into the graph, or null: then rows are inputs.
  std::vector<const OnnxTable*> tables;
  // By field: the index in its table's rows of value id 0. Read where the table is in the graph.
  std::vector<uint64_t> first_rows;
};

struct OnnxExport {
  onnx::ModelProto model;
  std::vector<bool> reads_field;  // by field: whether it is an input
  bool reads_dense_features = false;
};

// UNIMPLEMENTED names an op that has no ONNX form; INVALID_ARGUMENT says what does not fit the
// graph.
absl::StatusOr<OnnxExport> BuildOnnx(const Graph& graph, const OnnxRequest& request);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_ONNX_BUILDER_H_
