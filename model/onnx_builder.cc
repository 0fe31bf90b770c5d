#include "model/onnx_builder.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "model/onnx_emitter.h"
#include "model/op.h"

namespace caravan::model {
namespace {

constexpr char kBatch[] = "batch";  // the symbolic dimension

void SetTensorType(onnx::ValueInfoProto& value, const std::string& name,
                   onnx::TensorProto::DataType type, std::span<const uint64_t> sample_shape) {
  value.set_name(name);
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  tensor.mutable_shape()->add_dim()->set_dim_param(kBatch);
  for (const uint64_t extent : sample_shape) {
    tensor.mutable_shape()->add_dim()->set_dim_value(static_cast<int64_t>(extent));
  }
}

template <typename T>
void SetTensor(onnx::TensorProto& tensor, const std::string& name, onnx::TensorProto::DataType type,
               std::span<const int64_t> shape, std::span<const T> values) {
  tensor.set_name(name);
  tensor.set_data_type(type);
  for (const int64_t extent : shape) tensor.add_dims(extent);
  tensor.set_raw_data(values.data(), values.size_bytes());
}

struct AttributeSetter {
  onnx::AttributeProto& attribute;
  void operator()(int64_t value) const {
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  void operator()(float value) const {
    attribute.set_type(onnx::AttributeProto::FLOAT);
    attribute.set_f(value);
  }
  void operator()(const std::string& value) const {
    attribute.set_type(onnx::AttributeProto::STRING);
    attribute.set_s(value);
  }
  void operator()(const std::vector<int64_t>& values) const {
    attribute.set_type(onnx::AttributeProto::INTS);
    attribute.mutable_ints()->Add(values.begin(), values.end());
  }
};

class Builder final : public OnnxEmitter {
 public:
  Builder(const Graph& graph, const OnnxRequest& request, onnx::GraphProto& onnx)
      : graph_(graph), request_(request), onnx_(onnx), reads_field_(graph.fields().size()) {
    // Names that others rely on come first; what collides with one of them gets a number.
    for (const GraphField& field : graph.fields()) names_.insert(field.name);
    for (const GraphTask& task : graph.tasks()) names_.insert(task.name);
    for (const Parameter& parameter : graph.parameters()) names_.insert(parameter.name);
    for (const conf::TableSpec& table : graph.tables()) names_.insert(table.name());
    names_.insert(kOnnxDenseInput);
    for (const Value& value : graph.values()) value_names_.push_back(NewName(value.name));
  }

  const Graph& graph() const override { return graph_; }

  std::string ValueName(ValueId id) const override { return value_names_[Index(id)]; }

  std::string ParameterName(ParameterId id) override {
    const Parameter& parameter = graph_.parameter(id);
    if (!initializers_.insert(parameter.name).second) return parameter.name;
    const std::vector<int64_t> shape(parameter.shape.begin(), parameter.shape.end());
    SetTensor<float>(*onnx_.add_initializer(), parameter.name, onnx::TensorProto::FLOAT, shape,
                     request_.dense_parameters.subspan(parameter.offset, parameter.elements));
    return parameter.name;
  }

  std::string FieldRows(uint32_t field) override {
    reads_field_[field] = true;
    const GraphField& definition = graph_.fields()[field];
    const OnnxTable* const table = request_.tables[definition.table];
    if (table == nullptr) return definition.name;
    std::string& gathered = gathered_rows_[field];
    if (!gathered.empty()) return gathered;
    const auto first_row = static_cast<int64_t>(request_.first_rows[field]);
    std::string indices = definition.name;
    if (first_row != 0) {
      indices = Node("Add", {indices, Integers({first_row})}, {}, definition.name + ".index");
    }
    gathered = Node("Gather", {TableInitializer(definition.table), indices}, {{"axis", 0L}},
                    definition.name + ".rows");
    return gathered;
  }

  std::string DenseFeatures() override {
    reads_dense_features_ = true;
    return kOnnxDenseInput;
  }

  std::string Integers(std::vector<int64_t> values) override {
    std::string& name = integers_[values];
    if (name.empty()) {
      name = NewName("integers");
      SetTensor<int64_t>(*onnx_.add_initializer(), name, onnx::TensorProto::INT64,
                         std::vector<int64_t>{static_cast<int64_t>(values.size())}, values);
    }
    return name;
  }

  std::string Floats(std::vector<float> values, std::vector<int64_t> shape) override {
    std::string& name = floats_[{shape, values}];
    if (name.empty()) {
      name = NewName("floats");
      SetTensor<float>(*onnx_.add_initializer(), name, onnx::TensorProto::FLOAT, shape, values);
    }
    return name;
  }

  std::string Node(const std::string& type, std::vector<std::string> inputs,
                   std::vector<OnnxAttribute> attributes, const std::string& hint) override {
    std::string output = NewName(hint);
    AddNode(output, type, std::move(inputs), attributes);
    return output;
  }

  void NodeTo(ValueId output, const std::string& type, std::vector<std::string> inputs,
              std::vector<OnnxAttribute> attributes) override {
    yielded_.insert(output);
    AddNode(ValueName(output), type, std::move(inputs), attributes);
  }

  // Whether an op has made the value.
  bool Yielded(ValueId id) const { return yielded_.contains(id); }

  // y_hat [batch, m] cut into an output [batch] a task.
  void AddOutputs() {
    const std::string& predictions = ValueName(graph_.predictions());
    for (size_t t = 0; t < graph_.tasks().size(); ++t) {
      const std::string index = NewName(graph_.tasks()[t].name + ".index");
      const auto task = static_cast<int64_t>(t);
      SetTensor<int64_t>(*onnx_.add_initializer(), index, onnx::TensorProto::INT64, {},
                         std::span(&task, 1));
      AddNode(graph_.tasks()[t].name, "Gather", {predictions, index}, {{"axis", 1L}});
      SetTensorType(*onnx_.add_output(), graph_.tasks()[t].name, onnx::TensorProto::FLOAT, {});
    }
  }

  // The inputs that ops have asked for, in field order.
  void AddInputs() {
    for (size_t f = 0; f < graph_.fields().size(); ++f) {
      if (!reads_field_[f]) continue;
      const GraphField& field = graph_.fields()[f];
      const bool ids = request_.tables[field.table] != nullptr;
      std::vector<uint64_t> shape;
      if (field.sequence) shape.push_back(graph_.history_days());
      if (!ids) shape.push_back(graph_.tables()[field.table].width());
      SetTensorType(*onnx_.add_input(), field.name,
                    ids ? onnx::TensorProto::INT64 : onnx::TensorProto::FLOAT, shape);
    }
    if (reads_dense_features_) {
      SetTensorType(*onnx_.add_input(), kOnnxDenseInput, onnx::TensorProto::FLOAT,
                    std::vector<uint64_t>{graph_.dense_features()});
    }
  }

  const std::vector<bool>& reads_field() const { return reads_field_; }
  bool reads_dense_features() const { return reads_dense_features_; }

 private:
  // `hint` itself if it is free, else with the first free number behind.
  std::string NewName(const std::string& hint) {
    std::string name = hint;
    for (uint32_t& number = next_number_[hint]; !names_.insert(name).second;) {
      name = fmt::format("{}.{}", hint, ++number);
    }
    return name;
  }

  std::string TableInitializer(uint32_t table) {
    const conf::TableSpec& spec = graph_.tables()[table];
    if (!initializers_.insert(spec.name()).second) return spec.name();
    const std::vector<float>& rows = request_.tables[table]->rows;
    const std::vector<int64_t> shape = {static_cast<int64_t>(rows.size() / spec.width()),
                                        static_cast<int64_t>(spec.width())};
    SetTensor<float>(*onnx_.add_initializer(), spec.name(), onnx::TensorProto::FLOAT, shape, rows);
    return spec.name();
  }

  void AddNode(const std::string& output, const std::string& type, std::vector<std::string> inputs,
               const std::vector<OnnxAttribute>& attributes) {
    onnx::NodeProto& node = *onnx_.add_node();
    node.set_name(output);
    node.set_op_type(type);
    for (std::string& input : inputs) node.add_input(std::move(input));
    node.add_output(output);
    for (const OnnxAttribute& attribute : attributes) {
      onnx::AttributeProto& proto = *node.add_attribute();
      proto.set_name(attribute.name);
      std::visit(AttributeSetter{proto}, attribute.value);
    }
  }

  const Graph& graph_;
  const OnnxRequest& request_;
  onnx::GraphProto& onnx_;
  std::vector<bool> reads_field_;
  bool reads_dense_features_ = false;
  std::set<std::string> names_;
  std::map<std::string, uint32_t> next_number_;
  std::vector<std::string> value_names_;
  std::set<std::string> initializers_;  // parameters and tables that are there already
  std::map<uint32_t, std::string> gathered_rows_;
  std::map<std::vector<int64_t>, std::string> integers_;
  std::map<std::pair<std::vector<int64_t>, std::vector<float>>, std::string> floats_;
  std::set<ValueId> yielded_;
};

// Inputs, outputs and initializers have names from outside, in one name space.
absl::Status CheckNames(const Graph& graph) {
  std::set<std::string> names = {kOnnxDenseInput};
  std::optional<std::string> taken;
  const auto claim = [&](const std::string& name) {
    if (!names.insert(name).second) taken = name;
  };
  for (const GraphField& field : graph.fields()) claim(field.name);
  for (const conf::TableSpec& table : graph.tables()) claim(table.name());
  for (const Parameter& parameter : graph.parameters()) claim(parameter.name);
  for (const GraphTask& task : graph.tasks()) claim(task.name);
  if (!taken.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" names two of the net's fields, tables, parameters, tasks and "
                  "{}; in ONNX each needs a name of its own",
                  *taken, kOnnxDenseInput));
}

absl::Status CheckRequest(const Graph& graph, const OnnxRequest& request) {
  if (request.dense_parameters.size() != graph.parameter_elements()) {
    return absl::InvalidArgumentError(
        fmt::format("{} dense parameters for the net {}, which has {}",
                    request.dense_parameters.size(), graph.net(), graph.parameter_elements()));
  }
  if (request.tables.size() != graph.tables().size()) {
    return absl::InvalidArgumentError(fmt::format("{} tables for the net {}, which has {}",
                                                  request.tables.size(), graph.net(),
                                                  graph.tables().size()));
  }
  for (size_t t = 0; t < request.tables.size(); ++t) {
    const uint32_t width = graph.tables()[t].width();
    if (request.tables[t] != nullptr && request.tables[t]->rows.size() % width != 0) {
      return absl::InvalidArgumentError(
          fmt::format("table {}: {} floats are no whole rows of width {}", graph.tables()[t].name(),
                      request.tables[t]->rows.size(), width));
    }
  }
  if (request.first_rows.size() != graph.fields().size()) {
    return absl::InvalidArgumentError(
        fmt::format("first rows of {} fields for the net {}, which has {}",
                    request.first_rows.size(), graph.net(), graph.fields().size()));
  }
  return CheckNames(graph);
}

}  // namespace

absl::StatusOr<OnnxExport> BuildOnnx(const Graph& graph, const OnnxRequest& request) {
  CARAVAN_RETURN_IF_ERROR(CheckRequest(graph, request));
  OnnxExport result;
  result.model.set_ir_version(kOnnxIrVersion);
  result.model.set_producer_name("caravan");
  result.model.set_producer_version(request.producer_version);
  result.model.add_opset_import()->set_version(kOnnxOpset);
  onnx::GraphProto& onnx = *result.model.mutable_graph();
  onnx.set_name(graph.net());
  Builder builder(graph, request, onnx);
  for (const std::unique_ptr<Op>& op : graph.ops()) {
    if (!op->needs_labels()) CARAVAN_RETURN_IF_ERROR(op->EmitOnnx(builder));
  }
  if (!builder.Yielded(graph.predictions())) {
    return absl::InternalError(
        fmt::format("no op of the net {} yields its predictions in ONNX", graph.net()));
  }
  builder.AddOutputs();
  builder.AddInputs();
  result.reads_field = builder.reads_field();
  result.reads_dense_features = builder.reads_dense_features();
  return result;
}

}  // namespace caravan::model
