#include "tests/model/small_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/random.h"
#include "model/executor.h"
#include "model/graph_runner.h"
#include "model/ops/linear.h"
#include "model/ops/link.h"
#include "model/ops/loss.h"
#include "model/ops/task_head.h"
#include "model/random_input.h"

namespace caravan::model {
namespace {

constexpr const char* kTasks[] = {"clicks", "cost", "active"};

void AddField(conf::Schema& schema, const std::string& name, conf::FieldGroup group) {
  conf::Field& field = *schema.add_fields();
  field.set_name(name);
  field.set_group(group);
  field.set_values(5);
}

double LossOf(const Graph& graph, GraphRunner<double>& runner, const GraphInput<double>& input) {
  runner.Forward(input, {0, input.batch});
  double loss = 0;
  const std::span<const double> losses = runner.losses();
  const size_t tasks = graph.tasks().size();
  for (size_t i = 0; i < losses.size(); ++i) {
    const GraphTask& task = graph.tasks()[i % tasks];
    const double factor =
        task.scenario_factors.empty() ? 1 : task.scenario_factors[input.scenarios[i / tasks]];
    loss += task.lambda * factor * losses[i];
  }
  return loss / input.batch;
}

// Fills with normal numbers, so that nothing is checked at a bias of zero only.
void Randomise(std::vector<double>& values, RandomStream& stream) {
  for (double& value : values) value += 0.15 * stream.NextNormal();
}

// d loss / d values[i] by central differences beside `gradient`.
void Compare(const Graph& graph, GraphRunner<double>& runner, const RandomInput<double>& input,
             std::vector<double>& values, std::span<const double> gradient,
             const std::string& name) {
  constexpr double kStep = 3e-6;
  int failures = 0;
  ASSERT_EQ(values.size(), gradient.size());
  for (size_t i = 0; i < values.size() && failures < 3; ++i) {
    const double kept = values[i];
    values[i] = kept + kStep;
    const double above = LossOf(graph, runner, input.view());
    values[i] = kept - kStep;
    const double below = LossOf(graph, runner, input.view());
    values[i] = kept;
    const double expected = (above - below) / (2 * kStep);
    const double allowed = 2e-6 * std::max({1.0, std::abs(expected), std::abs(gradient[i])});
    EXPECT_NEAR(gradient[i], expected, allowed) << name << " element " << i;
    if (std::abs(gradient[i] - expected) > allowed) ++failures;
  }
}

}  // namespace

conf::Job SmallJob() {
  conf::Job job;
  for (const char* name : kTasks) job.mutable_data()->add_tasks()->set_name(name);
  conf::Model& model = *job.mutable_model();
  model.set_embedding_width(2);
  model.set_experts(2);
  model.set_view_width(3);
  model.set_leaky_relu_slope(0.2);
  model.mutable_meta()->set_layers(2);
  model.mutable_meta()->set_scenario_width(3);
  return job;
}

conf::Schema SmallSchema() {
  conf::Schema schema;
  schema.set_history_days(3);
  schema.set_horizon_days(6);
  AddField(schema, "scenario.id", conf::SCENARIO);
  AddField(schema, "profile.age", conf::PROFILE);
  AddField(schema, "profile.state", conf::PROFILE);
  AddField(schema, "behaviour.logins", conf::BEHAVIOUR);
  AddField(schema, "performance.clicks", conf::PERFORMANCE);
  AddField(schema, "performance.cost", conf::PERFORMANCE);
  AddField(schema, "performance.views", conf::PERFORMANCE);
  for (const char* name : kTasks) {
    conf::TaskSchema& task = *schema.add_tasks();
    task.set_name(name);
    task.set_training_mean(0.6);
  }
  for (const char* name : {"performance.clicks.total_3", "performance.cost.total_3"}) {
    schema.add_dense_names(name);
    schema.add_dense_means(0.4F);
    schema.add_dense_deviations(0.5F);
  }
  return schema;
}

std::unique_ptr<Graph> SmallGraph() {
  auto graph = std::make_unique<Graph>("small", 3, 2);
  for (const char* name : {"scenario", "profile", "behaviour", "performance"}) {
    conf::TableSpec table;
    table.set_name(name);
    table.set_width(4);
    table.mutable_initializer()->set_normal_deviation(0.5);
    graph->AddTable(table);
  }
  const conf::Schema schema = SmallSchema();
  for (const conf::Field& field : schema.fields()) {
    const auto table = static_cast<uint32_t>(field.group());
    graph->AddField({field.name(), table, table >= conf::BEHAVIOUR});
  }
  graph->AddTask({"clicks", conf::POISSON, conf::EXP, 0.5});
  graph->AddTask({"cost", conf::POISSON, conf::SOFTPLUS, 2});
  graph->AddTask({"active", conf::CROSS_ENTROPY, conf::EXP, 1});
  return graph;
}

void CloseGraph(Graph& graph, ValueId value) {
  const auto tasks = static_cast<uint32_t>(graph.tasks().size());
  LinearOptions options;
  options.in = static_cast<uint32_t>(graph.value(value).elements);
  options.out = tasks * 2;
  options.shape = {tasks, 2};
  const ValueId mapped = AddLinear(graph, "close", value, options);
  const ValueId z = AddTaskHead(graph, "head", mapped, std::vector<double>(tasks, 0.1));
  const ValueId predictions = AddLink(graph, "predictions", z);
  graph.SetOutputs(predictions, AddLoss(graph, "losses", z));
}

void ExpectGradientsMatch(const Graph& graph, uint32_t batch, uint32_t distinct) {
  RandomInputOptions options;
  options.batch = batch;
  options.rows_per_table = 4;
  options.distinct_attributes = distinct;
  options.seed = 5;
  RandomInput<double> input(graph, options);
  RandomStream stream(17);
  Randomise(input.dense_parameters, stream);
  for (std::vector<double>& rows : input.rows) Randomise(rows, stream);

  GraphRunner<double> runner(graph, batch);
  std::vector<double> dense_gradient(graph.parameter_elements());
  std::vector<std::vector<double>> row_gradients;
  std::vector<std::span<double>> row_spans;
  for (const std::vector<double>& rows : input.rows) row_gradients.emplace_back(rows.size());
  for (std::vector<double>& rows : row_gradients) row_spans.emplace_back(rows);
  const GraphInput<double> view = input.view();
  runner.Forward(view, {0, batch});
  runner.Backward(dense_gradient, row_spans);

  // Differences of a large loss would be lost in its rounding.
  ASSERT_LT(std::abs(LossOf(graph, runner, view)), 1e3);
  // A gradient that is zero throughout would match a net that ignores the parameter. (A bias before
  // a softmax can be without effect: it moves all its inputs alike.)
  for (const Parameter& parameter : graph.parameters()) {
    if (parameter.name.ends_with(".bias")) continue;
    const auto part =
        std::span<const double>(dense_gradient).subspan(parameter.offset, parameter.elements);
    EXPECT_TRUE(std::ranges::any_of(part, [](double g) { return g != 0; })) << parameter.name;
  }
  Compare(graph, runner, input, input.dense_parameters, dense_gradient, "dense");
  for (size_t t = 0; t < input.rows.size(); ++t) {
    Compare(graph, runner, input, input.rows[t], row_gradients[t], graph.tables()[t].name());
  }
}

namespace {

// Adam (Kingma and Ba 2015) over one flat vector.
class LocalAdam {
 public:
  explicit LocalAdam(size_t size) : first_(size), second_(size) {}
  void Step(std::span<const float> gradient, std::span<float> weights) {
    ++steps_;
    const double rate = 3e-3 * std::sqrt(1 - std::pow(0.998, steps_)) / (1 - std::pow(0.9, steps_));
    for (size_t i = 0; i < weights.size(); ++i) {
      first_[i] += 0.1 * (gradient[i] - first_[i]);
      second_[i] += 0.002 * (gradient[i] * gradient[i] - second_[i]);
      weights[i] -= static_cast<float>(rate * first_[i] / (std::sqrt(second_[i]) + 1e-9));
    }
  }

 private:
  int steps_ = 0;
  std::vector<double> first_;
  std::vector<double> second_;
};

constexpr RandomInputOptions kLearnable{.batch = 128, .rows_per_table = 4};

}  // namespace

struct ScenarioTask::State {
  explicit State(const Graph& net)
      : input(net, kLearnable),
        executor(*Executor::Create(net, kLearnable.batch, 1)),
        dense(net.parameter_elements()),
        dense_adam(net.parameter_elements()) {
    for (uint32_t b = 0; b < kLearnable.batch; ++b) {
      const uint32_t scenario = input.row_indices[0][b];
      const uint32_t profile = input.row_indices[1][b];
      const float rate = scenario == 1 ? 0.2F + 2.0F * static_cast<float>(profile)
                                       : 1.0F + static_cast<float>(scenario);
      for (size_t t = 0; t < 3; ++t) {
        const float y = rate * (t == 1 ? 0.5F : 1.0F);
        input.labels[b * 3 + t] = y;
        entropy += net.tasks()[t].lambda * (y - y * std::log(y)) / kLearnable.batch;
      }
    }
    for (const auto& rows : input.rows) {
      row_gradients.emplace_back(rows.size());
      row_adam.emplace_back(rows.size());
    }
    spans.assign(row_gradients.begin(), row_gradients.end());
  }

  RandomInput<float> input;
  std::unique_ptr<Executor> executor;
  std::vector<float> dense;
  std::vector<std::vector<float>> row_gradients;
  std::vector<std::span<float>> spans;
  LocalAdam dense_adam;
  std::vector<LocalAdam> row_adam;
  double entropy = 0;
};

ScenarioTask::ScenarioTask(const Graph& graph) : state_(std::make_unique<State>(graph)) {
  first_ = Train(0);
}

ScenarioTask::~ScenarioTask() = default;

double ScenarioTask::Train(int steps) {
  State& state = *state_;
  for (int step = 0;; ++step) {
    const double loss =
        state.executor->ForwardBackward(state.input.view(), state.dense, state.spans).loss;
    if (step == steps) return loss - state.entropy;
    state.dense_adam.Step(state.dense, state.input.dense_parameters);
    for (size_t t = 0; t < state.spans.size(); ++t) {
      state.row_adam[t].Step(state.spans[t], state.input.rows[t]);
    }
  }
}

RandomInput<float> InputOf(const Graph& graph, uint32_t batch) {
  RandomInputOptions options;
  options.batch = batch;
  options.rows_per_table = 4;
  return RandomInput<float>(graph, options);
}

Gradients::Gradients(const Graph& graph, const RandomInput<float>& input)
    : dense(graph.parameter_elements(), 99.0F) {
  for (const auto& values : input.rows) rows.emplace_back(values.size(), 99.0F);
  spans.assign(rows.begin(), rows.end());
}

void ExpectNear(std::span<const float> found, std::span<const float> expected, const char* what) {
  ASSERT_EQ(found.size(), expected.size());
  double scale = 1e-3;
  for (const float value : expected) scale = std::max<double>(scale, std::abs(value));
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], 2e-5 * scale) << what << " " << i;
  }
}

}  // namespace caravan::model
