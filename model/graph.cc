#include "model/graph.h"

#include <algorithm>
#include <utility>

#include "glog/logging.h"
#include "model/op.h"

namespace caravan::model {

uint64_t ElementsOf(const Shape& shape) {
  uint64_t elements = 1;
  for (const uint32_t extent : shape) elements *= extent;
  return elements;
}

Graph::Graph(std::string net, uint32_t history_days, uint32_t dense_features)
    : net_(std::move(net)), history_days_(history_days), dense_features_(dense_features) {}

Graph::~Graph() = default;

ParameterId Graph::AddParameter(std::string name, Shape shape, conf::Initializer initializer,
                                bool l2) {
  for (const Parameter& other : parameters_) CHECK_NE(other.name, name);
  Parameter parameter;
  parameter.elements = ElementsOf(shape);
  parameter.name = std::move(name);
  parameter.shape = std::move(shape);
  parameter.initializer = std::move(initializer);
  parameter.l2 = l2;
  parameter.offset = parameter_elements_;
  parameter_elements_ += parameter.elements;
  parameters_.push_back(std::move(parameter));
  return static_cast<ParameterId>(parameters_.size() - 1);
}

ValueId Graph::AddValue(std::string name, Shape shape, bool per_sample, bool has_gradient) {
  Value value;
  value.elements = ElementsOf(shape);
  value.name = std::move(name);
  value.shape = std::move(shape);
  value.per_sample = per_sample;
  value.has_gradient = has_gradient;
  values_.push_back(std::move(value));
  return static_cast<ValueId>(values_.size() - 1);
}

void Graph::AddOp(std::unique_ptr<Op> op) { ops_.push_back(std::move(op)); }

void Graph::SetOutputs(ValueId predictions, ValueId losses) {
  predictions_ = predictions;
  losses_ = losses;
}

bool Graph::FollowsFromAttributes(ValueId value) const {
  const auto producer = std::ranges::find(ops_, value, [](const auto& op) { return op->output(); });
  if (producer == ops_.end()) return false;
  const Op& op = **producer;
  return op.follows_from_attributes() &&
         std::ranges::all_of(op.inputs(), [&](ValueId in) { return FollowsFromAttributes(in); });
}

}  // namespace caravan::model
