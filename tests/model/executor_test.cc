#include "model/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>
#include <thread>
#include <utility>

#include "model/initializers.h"
#include "model/net.h"
#include "model/ops/parameter_value.h"
#include "model/random_input.h"
#include "model/sample_order.h"
#include "tests/model/small_world.h"

namespace caravan::model {
namespace {

std::unique_ptr<Graph> GraphOfWidth(uint32_t view_width) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_view_width(view_width);
  job.mutable_model()->mutable_meta()->set_scope(conf::SHARED);
  auto graph = BuildNet(job, SmallSchema());
  return graph.ok() ? *std::move(graph) : nullptr;
}

TEST(ExecutorTest, ThreadsGiveWhatOneGives) {
  const auto graph = GraphOfWidth(4);
  ASSERT_NE(graph, nullptr);
  const RandomInput<float> input = InputOf(*graph, 7);
  const auto one = Executor::Create(*graph, 7, 1);
  Gradients expected(*graph, input);
  const ExecutorOutput expected_output =
      (*one)->ForwardBackward(input.view(), expected.dense, expected.spans);
  for (const uint32_t threads : {2U, 3U, 9U}) {
    const auto many = Executor::Create(*graph, 7, threads);
    Gradients found(*graph, input);
    for (int repeat = 0; repeat < 2; ++repeat) {
      const ExecutorOutput output =
          (*many)->ForwardBackward(input.view(), found.dense, found.spans);
      EXPECT_NEAR(output.loss, expected_output.loss, 1e-5);
      ExpectNear(output.predictions, expected_output.predictions, "predictions");
      ExpectNear(found.dense, expected.dense, "dense");
      for (size_t t = 0; t < found.rows.size(); ++t) {
        ExpectNear(found.rows[t], expected.rows[t], "rows");
      }
    }
  }
}

// Nine generated layers of slope 0.01: gradients fade until they are no normal numbers, at which
// processors are slow.
TEST(ExecutorTest, GradientsThatFadeAreZero) {
  const auto graph = GraphOfWidth(4);
  ASSERT_NE(graph, nullptr);
  RandomInput<float> input = InputOf(*graph, 7);
  for (float& parameter : input.dense_parameters) parameter *= 1e-4F;
  for (const uint32_t threads : {1U, 3U}) {
    const auto executor = Executor::Create(*graph, 7, threads);
    Gradients found(*graph, input);
    (*executor)->ForwardBackward(input.view(), found.dense, found.spans);
    const auto is_subnormal = [](float value) { return std::fpclassify(value) == FP_SUBNORMAL; };
    EXPECT_EQ(std::ranges::count_if(found.dense, is_subnormal), 0);
    EXPECT_GT(std::ranges::count(found.dense, 0.0F), 0);
    EXPECT_GT(std::ranges::count_if(found.dense, [](float value) { return value != 0; }), 0);
    for (const auto& rows : found.rows) EXPECT_EQ(std::ranges::count_if(rows, is_subnormal), 0);
  }
}

// An op of one element a sample that does nothing but what the test wants of its backward pass; one
// that does not take turns itself is a loss.
class Watched final : public Op {
 public:
  Watched(ValueId input, ValueId output, bool takes_turns,
          std::function<void(Frame<float>&)> backward)
      : Op("watched", {input}, output), takes_turns_(takes_turns), backward_(std::move(backward)) {}
  FlopCount CountFlops(uint32_t /*batch*/) const override { return {}; }
  void Forward(Frame<float>& frame) const override {
    std::ranges::fill(frame.MutableValue(output()), 1.0F);
  }
  void Forward(Frame<double>& /*frame*/) const override {}
  void Backward(Frame<float>& frame) const override { backward_(frame); }
  void Backward(Frame<double>& /*frame*/) const override {}
  bool TakesTurns() const override { return takes_turns_; }
  bool needs_labels() const override { return !takes_turns_; }

 private:
  bool takes_turns_;
  std::function<void(Frame<float>&)> backward_;
};

// The first part has passed an op when it begins the next, though that one adds to what parts share
// at its end only.
TEST(ExecutorTest, APartBehindNeedNotWaitForTheNextOp) {
  std::atomic<bool> passed = false;
  bool in_time = false;
  Graph graph("watched", 1, 0);
  graph.AddTask({.name = "clicks"});
  const ValueId start = AddParameterValue(
      graph, "start", graph.AddParameter("start", {1}, ConstantInitializer(0), false));
  const ValueId late = graph.AddValue("late", {1}, true);
  graph.AddOp(std::make_unique<Watched>(start, late, true, [&](Frame<float>& frame) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (frame.first_part() && !passed && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    if (frame.first_part()) in_time = passed;
    frame.AwaitTurn(0, kOpSteps);
  }));
  const ValueId output = graph.AddValue("output", {1}, true, false);
  graph.AddOp(std::make_unique<Watched>(late, output, false, [&](Frame<float>& frame) {
    if (!frame.first_part()) passed = true;
  }));
  graph.SetOutputs(output, output);
  const auto executor = Executor::Create(graph, 2, 2);
  const std::vector<float> parameters = {0};
  const std::vector<float> labels = {1, 1};
  std::vector<float> gradient(1);
  ExecutorInput input;
  input.batch = 2;
  input.dense_parameters = parameters;
  input.labels = labels;
  (*executor)->ForwardBackward(input, gradient, {});
  EXPECT_TRUE(in_time);
}

// 100 samples of width 2 x 40 make the meta layers cut W both by samples and by rows: the same as
// one sample at a time, where nothing is cut.
TEST(ExecutorTest, TilesGiveWhatSingleSamplesGive) {
  const auto graph = GraphOfWidth(40);
  ASSERT_NE(graph, nullptr);
  constexpr uint32_t kBatch = 100;
  const RandomInput<float> input = InputOf(*graph, kBatch);
  const auto executor = Executor::Create(*graph, kBatch, 1);
  Gradients whole(*graph, input);
  const ExecutorOutput output =
      (*executor)->ForwardBackward(input.view(), whole.dense, whole.spans);
  const std::vector<float> predictions(output.predictions.begin(), output.predictions.end());

  std::vector<float> dense(whole.dense.size());
  double loss = 0;
  for (uint32_t b = 0; b < kBatch; ++b) {
    RandomInput<float> single = input;
    single.batch = 1;
    for (size_t f = 0; f < single.row_indices.size(); ++f) {
      const size_t count = input.row_indices[f].size() / kBatch;
      const auto begin = input.row_indices[f].begin() + static_cast<ptrdiff_t>(b * count);
      single.row_indices[f].assign(begin, begin + static_cast<ptrdiff_t>(count));
    }
    single.dense_features = {input.dense_features[b * 2], input.dense_features[b * 2 + 1]};
    single.labels.assign(input.labels.begin() + b * 3, input.labels.begin() + b * 3 + 3);
    Gradients part(*graph, input);
    const ExecutorOutput one = (*executor)->ForwardBackward(single.view(), part.dense, part.spans);
    loss += one.loss / kBatch;
    ExpectNear(one.predictions, std::span(predictions).subspan(b * 3, 3), "predictions");
    for (size_t i = 0; i < dense.size(); ++i) dense[i] += part.dense[i] / kBatch;
  }
  EXPECT_NEAR(loss, output.loss, 1e-5 * std::abs(loss));
  ExpectNear(whole.dense, dense, "dense");
}

// Parts add in turn: the sums are the same to the bit, whichever thread was faster.
TEST(ExecutorTest, ThreadsAlwaysGiveTheSame) {
  const auto graph = GraphOfWidth(8);
  ASSERT_NE(graph, nullptr);
  const RandomInput<float> input = InputOf(*graph, 40);
  const auto executor = Executor::Create(*graph, 40, 3);
  Gradients first(*graph, input);
  (*executor)->ForwardBackward(input.view(), first.dense, first.spans);
  for (int repeat = 0; repeat < 20; ++repeat) {
    Gradients again(*graph, input);
    (*executor)->ForwardBackward(input.view(), again.dense, again.spans);
    ASSERT_EQ(again.dense, first.dense);
    ASSERT_EQ(again.rows, first.rows);
  }
}

// Samples of few combinations, the ones as far apart as can be: threads take them in an order of
// their own, with the predictions, gradients and dropped elements of the order given.
TEST(ExecutorTest, ThreadsOrderSamplesByTheirAttributes) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_view_width(8);
  job.mutable_model()->set_dropout(0.3);
  job.mutable_model()->mutable_meta()->set_dropout(0.3);
  const auto graph = BuildNet(job, SmallSchema());
  ASSERT_TRUE(graph.ok()) << graph.status();
  RandomInputOptions options;
  options.batch = 24;
  options.rows_per_table = 5;
  options.distinct_attributes = 6;
  const RandomInput<float> input(**graph, options);
  const ExecutorInput view = input.view();
  SampleOrder order(**graph);
  const ExecutorInput& arranged = order.Arrange(view);
  std::set<std::vector<uint32_t>> seen;
  std::vector<uint32_t> last;
  for (uint32_t i = 0; i < options.batch; ++i) {
    std::vector<uint32_t> rows;
    for (size_t field = 0; field < (*graph)->fields().size(); ++field) {
      if ((*graph)->fields()[field].sequence) continue;
      rows.push_back(arranged.row_indices[field][i]);
      EXPECT_EQ(rows.back(), view.row_indices[field][order.samples()[i]]);
    }
    if (rows != last) {
      EXPECT_TRUE(seen.insert(rows).second) << "place " << i;
    }
    last = rows;
  }
  const auto one = Executor::Create(**graph, options.batch, 1);
  Gradients expected(**graph, input);
  const ExecutorOutput expected_output =
      (*one)->ForwardBackward(view, expected.dense, expected.spans);
  const auto three = Executor::Create(**graph, options.batch, 3);
  Gradients found(**graph, input);
  const ExecutorOutput output = (*three)->ForwardBackward(view, found.dense, found.spans);
  ExpectNear(output.predictions, expected_output.predictions, "predictions");
  ExpectNear(found.dense, expected.dense, "dense");
}

TEST(ExecutorTest, ForwardNeedsNoLabelsAndFollowsTheParameters) {
  const auto graph = GraphOfWidth(4);
  ASSERT_NE(graph, nullptr);
  RandomInput<float> input = InputOf(*graph, 5);
  const auto executor = Executor::Create(*graph, 8, 1);
  ExecutorInput view = input.view();
  view.labels = {};
  const ExecutorOutput output = (*executor)->Forward(view);
  ASSERT_EQ(output.predictions.size(), 15U);
  const float before = output.predictions[0];
  EXPECT_EQ(output.loss, 0);
  for (const Parameter& parameter : graph->parameters()) {
    if (parameter.name == "head.clicks.bias") input.dense_parameters[parameter.offset] += 1;
  }
  view.dense_parameters = input.dense_parameters;
  EXPECT_NEAR((*executor)->Forward(view).predictions[0], before * std::exp(1.0F), 1e-4 * before);
}

TEST(ExecutorTest, EvaluatingAloneTakesLessMemoryForTheSame) {
  const auto graph = GraphOfWidth(40);
  ASSERT_NE(graph, nullptr);
  const RandomInput<float> input = InputOf(*graph, 20);
  for (const uint32_t threads : {1U, 2U}) {
    const auto trains = Executor::Create(*graph, 20, threads);
    const auto evaluates = Executor::Create(*graph, 20, threads, RunnerPurpose::kEvaluate);
    EXPECT_LT((*evaluates)->workspace_bytes(), 0.9 * (*trains)->workspace_bytes());
    const ExecutorOutput expected = (*trains)->Forward(input.view());
    const ExecutorOutput found = (*evaluates)->Forward(input.view());
    EXPECT_EQ(std::vector<float>(found.predictions.begin(), found.predictions.end()),
              std::vector<float>(expected.predictions.begin(), expected.predictions.end()));
    EXPECT_EQ(found.loss, expected.loss);
  }
}

TEST(ExecutorTest, RecordsTheTimeOfEachOp) {
  const auto graph = GraphOfWidth(40);
  ASSERT_NE(graph, nullptr);
  const RandomInput<float> input = InputOf(*graph, 20);
  const auto executor = Executor::Create(*graph, 20, 1);
  Gradients gradients(*graph, input);
  OpTimes times;
  (*executor)->RecordTimes(times);
  (*executor)->ForwardBackward(input.view(), gradients.dense, gradients.spans);
  ASSERT_EQ(times.forward_s.size(), graph->ops().size());
  ASSERT_EQ(times.backward_s.size(), graph->ops().size());
  EXPECT_GT(std::accumulate(times.forward_s.begin(), times.forward_s.end(), 0.0), 0);
  EXPECT_GT(std::accumulate(times.backward_s.begin(), times.backward_s.end(), 0.0), 0);
}

TEST(ExecutorTest, RefusesEmptySizes) {
  const auto graph = GraphOfWidth(4);
  ASSERT_NE(graph, nullptr);
  EXPECT_EQ(Executor::Create(*graph, 0, 1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Executor::Create(*graph, 1, 0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_GT((*Executor::Create(*graph, 4, 2))->workspace_bytes(), 0U);
}

}  // namespace
}  // namespace caravan::model
