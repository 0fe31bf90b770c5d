// Every op's backward against central differences, in double, through a small graph around it.
#include <gtest/gtest.h>

#include "model/initializers.h"
#include "model/ops/concat.h"
#include "model/ops/cross_stitch.h"
#include "model/ops/dense_input.h"
#include "model/ops/dropout.h"
#include "model/ops/expert_mixture.h"
#include "model/ops/gated_mixture.h"
#include "model/ops/linear.h"
#include "model/ops/mean_pool.h"
#include "model/ops/meta_layer.h"
#include "model/ops/pair_concat.h"
#include "model/ops/parameter_value.h"
#include "model/ops/residual.h"
#include "model/ops/row_embedding.h"
#include "model/ops/self_attention.h"
#include "model/ops/sequence_embedding.h"
#include "model/ops/task_alignment.h"
#include "tests/model/small_world.h"

namespace caravan::model {
namespace {

constexpr uint32_t kBatch = 3;
const std::vector<uint32_t> kAttributes = {0, 1, 2};
const std::vector<uint32_t> kPerformance = {4, 5, 6};

// x as [rows, width] of a sample, reached from rows of the tables by a linear map with bias.
ValueId AddInput(Graph& graph, const std::string& name, Shape shape) {
  LinearOptions options;
  options.in = 12;
  options.out = static_cast<uint32_t>(ElementsOf(shape));
  options.shape = std::move(shape);
  return AddLinear(graph, name, AddRowEmbedding(graph, name + ".rows", kAttributes), options);
}

// The same from the days of a sequence, which differ between samples of equal attributes.
ValueId AddLinearOfDays(Graph& graph, Shape shape) {
  LinearOptions options;
  options.in = 3 * 16;
  options.out = static_cast<uint32_t>(ElementsOf(shape));
  options.shape = std::move(shape);
  return AddLinear(graph, "x", AddSequenceEmbedding(graph, "days", kPerformance), options);
}

TEST(OpGradientTest, RowEmbeddingLinearHeadAndLosses) {
  const auto graph = SmallGraph();
  CloseGraph(*graph, AddRowEmbedding(*graph, "rows", kAttributes));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, SequenceEmbedding) {
  const auto graph = SmallGraph();
  CloseGraph(*graph, AddSequenceEmbedding(*graph, "performance", kPerformance));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, SelfAttention) {
  const auto graph = SmallGraph();
  const ValueId days = AddSequenceEmbedding(*graph, "performance", kPerformance);
  CloseGraph(*graph, AddSelfAttention(*graph, "performance.encoder", days, 2));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, MeanPoolAndConcatWithDenseInput) {
  const auto graph = SmallGraph();
  const ValueId days = AddSequenceEmbedding(*graph, "performance", kPerformance);
  CloseGraph(*graph, AddConcat(*graph, "features",
                               {AddMeanPool(*graph, "mean", days), AddDenseInput(*graph, "dense"),
                                AddRowEmbedding(*graph, "rows", kAttributes)}));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, Dropout) {
  const auto graph = SmallGraph();
  const ValueId days = AddSequenceEmbedding(*graph, "performance", kPerformance);
  CloseGraph(*graph, AddDropout(*graph, "dropout", days, 0.3));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, LinearWithActivationPerRow) {
  const auto graph = SmallGraph();
  LinearOptions options;
  options.shape = {3, 5};
  options.in = 4;
  options.out = 5;
  options.slope = 0.3;
  CloseGraph(*graph, AddLinear(*graph, "map", AddInput(*graph, "x", {3, 4}), options));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, LinearInGroups) {
  for (const uint32_t rows : {1U, 2U}) {
    const auto graph = SmallGraph();
    LinearOptions options;
    options.shape = {3, rows, 5};
    options.in = 4;
    options.out = 5;
    options.slope = 0.3;
    options.groups = {"clicks", "cost", "active"};
    CloseGraph(*graph, AddLinear(*graph, "map", AddInput(*graph, "x", {3, rows, 4}), options));
    ExpectGradientsMatch(*graph, kBatch);
  }
}

TEST(OpGradientTest, PairConcatAndParameterValue) {
  const auto graph = SmallGraph();
  const ParameterId embedding =
      graph->AddParameter("tasks.embedding", {3, 2}, NormalInitializer(1), false);
  const ValueId tasks = AddParameterValue(*graph, "tasks", embedding);
  CloseGraph(*graph, AddPairConcat(*graph, "pairs", AddInput(*graph, "x", {2, 2}), tasks));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, MetaLayer) {
  for (const bool groups : {false, true}) {
    const auto graph = SmallGraph();
    const ValueId x = AddInput(*graph, "x", {3, 2, 4});
    const ValueId scenario = AddInput(*graph, "scenario", {2});
    MetaOptions options;
    options.slope = 0.3;
    if (groups) options.groups = {"clicks", "cost", "active"};
    CloseGraph(*graph, AddMetaLayer(*graph, "meta", x, scenario, options));
    ExpectGradientsMatch(*graph, kBatch);
  }
}

TEST(OpGradientTest, PairMetaLayer) {
  for (const bool groups : {false, true}) {
    const auto graph = SmallGraph();
    const ValueId experts = AddInput(*graph, "experts", {2, 3});
    const ParameterId embedding =
        graph->AddParameter("tasks.embedding", {3, 2}, NormalInitializer(1), false);
    const ValueId tasks = AddParameterValue(*graph, "tasks", embedding);
    const ValueId scenario = AddInput(*graph, "scenario", {2});
    MetaOptions options;
    options.slope = 0.3;
    if (groups) options.groups = {"clicks", "cost", "active"};
    CloseGraph(*graph, AddPairMetaLayer(*graph, "meta", experts, tasks, scenario, options));
    ExpectGradientsMatch(*graph, kBatch);
  }
}

TEST(OpGradientTest, MetaLayerOfSharedWeights) {
  for (const uint32_t rows : {1U, 2U}) {
    const auto graph = SmallGraph();
    const ValueId x = AddLinearOfDays(*graph, {3, rows, 3});
    MetaOptions options;
    options.slope = 0.3;
    options.groups = {"clicks", "cost", "active"};
    const ValueId scenario = AddInput(*graph, "scenario", {2});
    CloseGraph(*graph, AddMetaLayer(*graph, "meta", x, scenario, options));
    ExpectGradientsMatch(*graph, 5, 2);
  }
}

TEST(OpGradientTest, MetaLayerOfOneRow) {
  const auto graph = SmallGraph();
  const ValueId x = AddInput(*graph, "x", {3, 1, 5});
  MetaOptions options;
  options.slope = 0.3;
  options.groups = {"clicks", "cost", "active"};
  CloseGraph(*graph, AddMetaLayer(*graph, "meta", x, AddInput(*graph, "scenario", {2}), options));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, ExpertMixture) {
  const auto graph = SmallGraph();
  const ValueId hidden = AddInput(*graph, "hidden", {3, 2, 4});
  const ValueId experts = AddInput(*graph, "experts", {2, 3});
  CloseGraph(*graph, AddExpertMixture(*graph, "mixture", hidden, experts));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, GatedMixture) {
  const auto graph = SmallGraph();
  const ValueId gates = AddInput(*graph, "gates", {3, 2});
  const ValueId experts = AddInput(*graph, "experts", {4, 3});
  CloseGraph(*graph, AddGatedMixture(*graph, "mixture", gates, experts, {{0, 1}, {3, 0}, {2, 3}}));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, CrossStitch) {
  const auto graph = SmallGraph();
  CloseGraph(*graph, AddCrossStitch(*graph, "stitch", AddInput(*graph, "x", {3, 4})));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, TaskAlignment) {
  const auto graph = SmallGraph();
  const ParameterId embedding =
      graph->AddParameter("tasks.embedding", {3, 5}, NormalInitializer(1), false);
  const ValueId tasks = AddParameterValue(*graph, "tasks", embedding);
  CloseGraph(*graph,
             AddTaskAlignment(*graph, "alignment", AddInput(*graph, "tokens", {4, 5}), tasks));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, ColumnsOfRows) {
  const auto graph = SmallGraph();
  const RowColumns columns{.first = 1, .width = 2};
  const ValueId days = AddSequenceEmbedding(*graph, "performance", kPerformance, columns);
  const ValueId rows = AddRowEmbedding(*graph, "rows", kAttributes, columns);
  CloseGraph(*graph,
             AddConcat(*graph, "features", {AddMeanPool(*graph, "mean", days), rows}, {2, 7}));
  ExpectGradientsMatch(*graph, kBatch);
}

TEST(OpGradientTest, Residual) {
  const auto graph = SmallGraph();
  const ValueId a = AddInput(*graph, "a", {2, 3});
  CloseGraph(*graph, AddResidual(*graph, "sum", a, AddInput(*graph, "b", {2, 3}), 0.3));
  ExpectGradientsMatch(*graph, kBatch);
}

}  // namespace
}  // namespace caravan::model
