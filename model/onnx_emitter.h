// What an op needs to write its ONNX nodes (opset 17). A graph value [shape...] that is per sample
// is the ONNX tensor [batch, shape...]; one that is not is [shape...]. Names are unique in the
// model.
#ifndef CARAVAN_MODEL_ONNX_EMITTER_H_
#define CARAVAN_MODEL_ONNX_EMITTER_H_

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "model/graph.h"

namespace caravan::model {

struct OnnxAttribute {
  std::string name;
  std::variant<int64_t, float, std::string, std::vector<int64_t>> value;
};

class OnnxEmitter {
 public:
  virtual ~OnnxEmitter() = default;

  virtual const Graph& graph() const = 0;

  // Names of ONNX tensors.
  virtual std::string ValueName(ValueId id) const = 0;
  virtual std::string ParameterName(ParameterId id) = 0;  // makes it an initializer on first use
  virtual std::string FieldRows(uint32_t field) = 0;      // [batch, width] or [batch, T, width]
  virtual std::string DenseFeatures() = 0;                // [batch, D]

  // Constants.
  virtual std::string Integers(std::vector<int64_t> values) = 0;  // [n]
  virtual std::string Floats(std::vector<float> values, std::vector<int64_t> shape) = 0;

  // Adds a node and returns the name of its only output: a new name led by `hint`.
  virtual std::string Node(const std::string& type, std::vector<std::string> inputs,
                           std::vector<OnnxAttribute> attributes, const std::string& hint) = 0;
  // The same, its output being the graph value `output`.
  virtual void NodeTo(ValueId output, const std::string& type, std::vector<std::string> inputs,
                      std::vector<OnnxAttribute> attributes) = 0;
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_ONNX_EMITTER_H_
