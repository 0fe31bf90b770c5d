// The low-rank layer against its definition: W formed from its factors for each sample, then
// applied. Its gradient is held against finite differences in m2m_test.cc.
#include "model/ops/low_rank_layer.h"

#include <gtest/gtest.h>

#include <memory>

#include "model/graph_runner.h"
#include "model/ops/linear.h"
#include "model/ops/row_embedding.h"
#include "model/random_input.h"
#include "tests/model/small_world.h"

namespace caravan::model {
namespace {

constexpr uint32_t kTasks = 3;
constexpr uint32_t kRows = 2;
constexpr uint32_t kWidth = 5;
constexpr uint32_t kScenario = 4;
constexpr uint32_t kRank = 3;
constexpr uint32_t kBatch = 6;
constexpr double kSlope = 0.1;

struct Net {
  explicit Net(bool groups) : graph(SmallGraph()) {
    const ValueId attributes = AddRowEmbedding(*graph, "attributes", {0, 1, 2});
    const auto map = [&](const std::string& name, Shape shape) {
      LinearOptions options;
      options.in = 12;
      options.out = static_cast<uint32_t>(ElementsOf(shape));
      options.shape = std::move(shape);
      return AddLinear(*graph, name, attributes, options);
    };
    scenario = map("scenario", {kScenario});
    input = map("input", {kTasks, kRows, kWidth});
    MetaOptions options;
    options.slope = kSlope;
    if (groups) options.groups = {"clicks", "cost", "active"};
    output = AddLowRankLayer(*graph, "meta", input, scenario, kRank, options);
    CloseGraph(*graph, output);
  }
  std::unique_ptr<Graph> graph;
  ValueId scenario{};
  ValueId input{};
  ValueId output{};
};

class LowRankLayerTest : public testing::TestWithParam<bool> {};

TEST_P(LowRankLayerTest, AppliesTheWeightsThatItsFactorsMake) {
  const bool groups = GetParam();
  const Net net(groups);
  RandomInputOptions options;
  options.batch = kBatch;
  options.rows_per_table = 4;
  RandomInput<double> input(*net.graph, options);
  for (size_t i = 0; i < input.dense_parameters.size(); ++i) {
    input.dense_parameters[i] += 0.01 * static_cast<double>(i % 7);  // biases too
  }
  const auto parameter = [&](const std::string& name) -> const double* {
    for (const Parameter& one : net.graph->parameters()) {
      if (one.name == name) return &input.dense_parameters[one.offset];
    }
    ADD_FAILURE() << "no parameter " << name;
    return nullptr;
  };
  GraphRunner<double> runner(*net.graph, kBatch);
  const GraphInput<double> view = input.view();
  runner.Forward(view, {0, kBatch});

  const char* const tasks[] = {"clicks.", "cost.", "active."};
  constexpr uint32_t kColumns = kWidth + kRank + kScenario;
  const double* gates = parameter("meta.gates.weight");
  for (uint32_t at = 0; at < kBatch * kTasks * kRows; ++at) {
    const uint32_t task = at / kRows % kTasks;
    const std::string group = groups ? tasks[task] : "";
    const double* s = &runner.Value(net.scenario)[at / (kTasks * kRows) * kScenario];
    const double* h = &runner.Value(net.input)[at * kWidth];
    const double* b = parameter("meta.factors." + group + "weight");
    const double* weight = parameter("meta." + group + "weight");
    for (uint32_t i = 0; i < kWidth; ++i) {
      double z = parameter("meta." + group + "bias")[i];
      for (uint32_t c = 0; c < kScenario; ++c)
        z += weight[i * kColumns + kWidth + kRank + c] * s[c];
      for (uint32_t j = 0; j < kWidth; ++j) {
        double w = weight[i * kColumns + j];
        for (uint32_t q = 0; q < kRank; ++q) {
          double gate = 0;
          const uint32_t row = (groups ? task * kRank : 0) + q;
          for (uint32_t c = 0; c < kScenario; ++c) gate += gates[row * kScenario + c] * s[c];
          w += weight[i * kColumns + kWidth + q] * gate * b[q * kWidth + j];
        }
        z += w * h[j];
      }
      ASSERT_NEAR(runner.Value(net.output)[at * kWidth + i], z > 0 ? z : kSlope * z, 1e-9)
          << at << ", " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Weights, LowRankLayerTest, testing::Bool(), [](const auto& groups) {
  return groups.param ? std::string("OfEachTask") : std::string("Shared");
});

}  // namespace
}  // namespace caravan::model
