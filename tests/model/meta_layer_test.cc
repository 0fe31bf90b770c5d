// The meta layer against its plain formulation, with every instruction set there is, at sizes that
// fit no tile; gradients in float against those in double, which op_gradient_test.cc holds against
// finite differences.
#include "model/ops/meta_layer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "model/graph_runner.h"
#include "model/initializers.h"
#include "model/ops/linear.h"
#include "model/ops/parameter_value.h"
#include "model/ops/row_embedding.h"
#include "model/random_input.h"
#include "tests/model/small_world.h"

namespace caravan::model {
namespace {

constexpr double kSlope = 0.1;

struct Case {
  bool pairs = false;   // the layer of pairs, over 3 tasks
  bool groups = false;  // a task has weights of its own
  uint32_t rows = 1;    // of a task: experts
  uint32_t width = 0;   // of the input; of the layer of pairs, of experts and tasks each
  uint32_t scenario = 0;
  uint32_t batch = 0;
  uint32_t distinct = 0;  // 0: every sample its own
};

struct Net {
  std::unique_ptr<Graph> graph;
  ValueId input;
  ValueId views;
  ValueId scenario;
  ValueId output;
};

Net NetOf(const Case& sizes) {
  Net net;
  net.graph = SmallGraph();
  Graph& graph = *net.graph;
  const ValueId attributes = AddRowEmbedding(graph, "attributes", {0, 1, 2});
  const auto map = [&](const std::string& name, Shape shape) {
    LinearOptions options;
    options.in = 12;
    options.out = static_cast<uint32_t>(ElementsOf(shape));
    options.shape = std::move(shape);
    return AddLinear(graph, name, attributes, options);
  };
  net.scenario = map("scenario", {sizes.scenario});
  MetaOptions options;
  options.slope = kSlope;
  if (sizes.groups) options.groups = {"clicks", "cost", "active"};
  if (sizes.pairs) {
    net.input = map("experts", {sizes.rows, sizes.width});
    const ParameterId tasks =
        graph.AddParameter("tasks", {3, sizes.width}, NormalInitializer(1), false);
    net.views = AddParameterValue(graph, "tasks", tasks);
    net.output = AddPairMetaLayer(graph, "meta", net.input, net.views, net.scenario, options);
  } else {
    net.input = map("input", {3, sizes.rows, sizes.width});
    net.output = AddMetaLayer(graph, "meta", net.input, net.scenario, options);
  }
  CloseGraph(graph, net.output);
  return net;
}

template <typename T>
std::span<const T> ParameterOf(const Graph& graph, const RandomInput<T>& input,
                               const std::string& name) {
  for (const Parameter& parameter : graph.parameters()) {
    if (parameter.name == name) {
      return std::span(input.dense_parameters).subspan(parameter.offset, parameter.elements);
    }
  }
  ADD_FAILURE() << "no parameter " << name;
  return {};
}

// y of eq. 9-13 as the paper writes it: W formed for a sample, then applied.
std::vector<double> PlainOutput(const Net& net, const Case& sizes, const RandomInput<float>& input,
                                const GraphRunner<float>& runner) {
  const Graph& graph = *net.graph;
  const std::vector<std::string> tasks = {"clicks.", "cost.", "active."};
  const size_t n = sizes.pairs ? 2 * size_t{sizes.width} : sizes.width;
  const size_t s = sizes.scenario;
  const std::span<const float> h = runner.Value(net.input);
  std::vector<double> output;
  for (size_t b = 0; b < sizes.batch; ++b) {
    const float* scenario = &runner.Value(net.scenario)[b * s];
    for (size_t t = 0; t < 3; ++t) {
      const std::string prefix = "meta." + (sizes.groups ? tasks[t] : "");
      const auto v_w = ParameterOf(graph, input, prefix + "V_w");
      const auto start_w = ParameterOf(graph, input, prefix + "v_w");
      const auto v_b = ParameterOf(graph, input, prefix + "V_b");
      const auto start_b = ParameterOf(graph, input, prefix + "v_b");
      for (size_t r = 0; r < sizes.rows; ++r) {
        std::vector<double> row;
        const size_t at = sizes.pairs ? b * sizes.rows + r : (b * 3 + t) * sizes.rows + r;
        for (size_t j = 0; j < sizes.width; ++j) row.push_back(h[at * sizes.width + j]);
        for (size_t j = 0; row.size() < n; ++j) {
          row.push_back(runner.Value(net.views)[t * sizes.width + j]);
        }
        for (size_t i = 0; i < n; ++i) {
          double z = start_b[i];
          for (size_t c = 0; c < s; ++c) z += static_cast<double>(v_b[i * s + c]) * scenario[c];
          for (size_t j = 0; j < n; ++j) {
            double weight = start_w[i * n + j];
            for (size_t c = 0; c < s; ++c) {
              weight += static_cast<double>(v_w[(i * n + j) * s + c]) * scenario[c];
            }
            z += weight * row[j];
          }
          output.push_back(z > 0 ? z : kSlope * z);
        }
      }
    }
  }
  return output;
}

template <typename T>
struct Gradients {
  Gradients(const Graph& graph, const RandomInput<T>& input, GraphRunner<T>& runner)
      : dense(graph.parameter_elements()) {
    for (const auto& values : input.rows) rows.emplace_back(values.size());
    const std::vector<std::span<T>> spans(rows.begin(), rows.end());
    runner.Backward(dense, spans);
  }
  std::vector<T> dense;
  std::vector<std::vector<T>> rows;
};

void ExpectNear(std::span<const float> found, std::span<const double> expected, double tolerance,
                const std::string& what) {
  ASSERT_EQ(found.size(), expected.size());
  double scale = 1e-6;
  for (const double value : expected) scale = std::max(scale, std::abs(value));
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], tolerance * scale) << what << " " << i;
  }
}

void ExpectExact(const Case& sizes, InstructionSet instructions) {
  const Net net = NetOf(sizes);
  const Graph& graph = *net.graph;
  RandomInputOptions options;
  options.batch = sizes.batch;
  options.rows_per_table = 1000;
  options.distinct_attributes = sizes.distinct;
  const RandomInput<float> input(graph, options);
  GraphRunner<float> runner(graph, sizes.batch, RunnerPurpose::kTrain, KernelsOf(instructions));
  const GraphInput<float> view = input.view();
  runner.Forward(view, {0, sizes.batch});
  ExpectNear(runner.Value(net.output), PlainOutput(net, sizes, input, runner), 1e-5, "output");

  const RandomInput<double> input_double(graph, options);
  GraphRunner<double> runner_double(graph, sizes.batch);
  const GraphInput<double> view_double = input_double.view();
  runner_double.Forward(view_double, {0, sizes.batch});
  const Gradients<double> expected(graph, input_double, runner_double);
  const Gradients<float> found(graph, input, runner);
  for (const Parameter& parameter : graph.parameters()) {
    const auto part = [&](const auto& values) {
      return std::span(values).subspan(parameter.offset, parameter.elements);
    };
    ExpectNear(part(found.dense), part(expected.dense), 2e-4, parameter.name);
  }
  for (size_t t = 0; t < 2; ++t) ExpectNear(found.rows[t], expected.rows[t], 2e-4, "rows");
}

class MetaLayerTest : public testing::TestWithParam<InstructionSet> {};

TEST_P(MetaLayerTest, OneRowIsFactored) {
  ExpectExact({.groups = true, .rows = 1, .width = 37, .scenario = 16, .batch = 20}, GetParam());
  ExpectExact({.groups = true, .rows = 1, .width = 20, .scenario = 5, .batch = 1}, GetParam());
  ExpectExact({.groups = true, .rows = 1, .width = 9, .scenario = 300, .batch = 70}, GetParam());
}

TEST_P(MetaLayerTest, SeveralRowsAreGenerated) {
  ExpectExact({.groups = true, .rows = 4, .width = 37, .scenario = 16, .batch = 20}, GetParam());
  ExpectExact({.rows = 5, .width = 21, .scenario = 3, .batch = 70}, GetParam());
  ExpectExact({.rows = 1, .width = 70, .scenario = 17, .batch = 1}, GetParam());
}

// More of h and y than a cache has room for.
TEST_P(MetaLayerTest, PanelsGoInGroups) {
  ExpectExact({.rows = 6, .width = 70, .scenario = 3, .batch = 256}, GetParam());
  ExpectExact({.rows = 3, .width = 70, .scenario = 3, .batch = 256}, GetParam());
}

TEST_P(MetaLayerTest, EqualScenariosShareWeights) {
  ExpectExact({.groups = true, .rows = 1, .width = 19, .scenario = 20, .batch = 70, .distinct = 4},
              GetParam());
  ExpectExact({.rows = 3, .width = 19, .scenario = 20, .batch = 67, .distinct = 20}, GetParam());
  ExpectExact({.rows = 2, .width = 7, .scenario = 64, .batch = 33, .distinct = 1}, GetParam());
}

TEST_P(MetaLayerTest, PairsOfExpertsAndTasks) {
  for (const bool groups : {false, true}) {
    ExpectExact(
        {.pairs = true, .groups = groups, .rows = 4, .width = 18, .scenario = 16, .batch = 20},
        GetParam());
    ExpectExact(
        {.pairs = true, .groups = groups, .rows = 1, .width = 11, .scenario = 5, .batch = 1},
        GetParam());
    ExpectExact({.pairs = true,
                 .groups = groups,
                 .rows = 2,
                 .width = 13,
                 .scenario = 33,
                 .batch = 40,
                 .distinct = 7},
                GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(Available, MetaLayerTest, testing::ValuesIn(AvailableInstructionSets()),
                         [](const auto& set) {
                           std::string name = KernelsOf(set.param).name;
                           std::erase(name, '-');
                           return name;
                         });

TEST(MetaMethodTest, FactorsOneRowUnlessLanesAreShared) {
  EXPECT_EQ(ChooseMethod(64, 1, 256, 256, 1), MetaMethod::kFactor);
  EXPECT_EQ(ChooseMethod(64, 2, 256, 256, 1), MetaMethod::kGenerate);
  EXPECT_EQ(ChooseMethod(64, 1, 256, 64, 4), MetaMethod::kGenerate);
}

}  // namespace
}  // namespace caravan::model
