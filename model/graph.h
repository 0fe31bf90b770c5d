// A net as plain data: named parameters, values and the ops between them, in the order in which
// they run. Made once by a net's file in model/nets, then read only: run by GraphRunner, counted by
// model/count.h, exported by its ops' EmitOnnx. Immutable while anything runs it, so that threads
// may share it.
#ifndef CARAVAN_MODEL_GRAPH_H_
#define CARAVAN_MODEL_GRAPH_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "conf/job.pb.h"
#include "conf/model_spec.pb.h"
#include "conf/schema.pb.h"

namespace caravan::model {

class Op;

enum class ValueId : uint32_t {};      // index into Graph::values()
enum class ParameterId : uint32_t {};  // index into Graph::parameters()

constexpr uint32_t Index(ValueId id) { return static_cast<uint32_t>(id); }
constexpr uint32_t Index(ParameterId id) { return static_cast<uint32_t>(id); }

// Extents, outermost first; everything is row-major. The batch is never among them.
using Shape = std::vector<uint32_t>;
uint64_t ElementsOf(const Shape& shape);

// A dense tensor that is trained.
struct Parameter {
  std::string name;  // performance.encoder.query.weight; the same in model spec and ONNX
  Shape shape;
  conf::Initializer initializer;
  bool l2 = false;      // a weight of a linear map or of a meta generator
  uint64_t offset = 0;  // in the flat vector of dense parameters, floats
  uint64_t elements = 0;
};

// What an op yields. [B, shape...] when per_sample, else [shape...], the same for all samples (the
// task views).
struct Value {
  std::string name;
  Shape shape;
  bool per_sample = true;
  bool has_gradient = true;  // false: nothing trained lies before it (dense features, labels)
  uint64_t elements = 0;     // of one sample, or in all
};

// A field of the schema: its rows come from rows[table] of the input. Index = field of the schema.
struct GraphField {
  std::string name;
  uint32_t table = 0;
  bool sequence = false;  // history_days rows a sample, else one
};

struct GraphTask {
  std::string name;
  conf::Loss loss = conf::POISSON;
  conf::Link link = conf::EXP;  // of a Poisson task; cross-entropy has the logistic link
  double lambda = 1;            // weight in the loss
  // lambda is also divided by a dispersion, see model/dispersions.h. Of Poisson tasks.
  bool by_dispersion = false;
  // Samples of a group that has a dispersion of its own; 0: all of the batch. Of all tasks the
  // same.
  uint32_t dispersion_samples = 0;
  // Factors of lambda by the sample's scenario; empty: none.
  std::vector<double> scenario_factors = {};
};

class Graph {
 public:
  Graph(std::string net, uint32_t history_days, uint32_t dense_features);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Declaring.
  void AddTable(conf::TableSpec table) { tables_.push_back(std::move(table)); }
  void AddField(GraphField field) { fields_.push_back(std::move(field)); }
  void AddTask(GraphTask task) { tasks_.push_back(std::move(task)); }
  ParameterId AddParameter(std::string name, Shape shape, conf::Initializer initializer, bool l2);
  ValueId AddValue(std::string name, Shape shape, bool per_sample, bool has_gradient = true);
  void AddOp(std::unique_ptr<Op> op);
  // y_hat [m] and the loss [m] of each sample, both per sample.
  void SetOutputs(ValueId predictions, ValueId losses);

  // Reading.
  const std::string& net() const { return net_; }
  uint32_t history_days() const { return history_days_; }      // T
  uint32_t dense_features() const { return dense_features_; }  // D, may be 0
  const std::vector<conf::TableSpec>& tables() const { return tables_; }
  const std::vector<GraphField>& fields() const { return fields_; }
  const std::vector<GraphTask>& tasks() const { return tasks_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  const std::vector<Value>& values() const { return values_; }
  const std::vector<std::unique_ptr<Op>>& ops() const { return ops_; }
  const Value& value(ValueId id) const { return values_[Index(id)]; }
  const Parameter& parameter(ParameterId id) const { return parameters_[Index(id)]; }
  ValueId predictions() const { return predictions_; }
  ValueId losses() const { return losses_; }
  // Whether a sample's value follows from its attribute fields and the parameters alone, so that
  // samples that agree in these fields have the same.
  bool FollowsFromAttributes(ValueId value) const;
  // Floats of all dense parameters together.
  uint64_t parameter_elements() const { return parameter_elements_; }

 private:
  std::string net_;
  uint32_t history_days_;
  uint32_t dense_features_;
  std::vector<conf::TableSpec> tables_;
  std::vector<GraphField> fields_;
  std::vector<GraphTask> tasks_;
  std::vector<Parameter> parameters_;
  std::vector<Value> values_;
  std::vector<std::unique_ptr<Op>> ops_;
  ValueId predictions_{};
  ValueId losses_{};
  uint64_t parameter_elements_ = 0;
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_GRAPH_H_
