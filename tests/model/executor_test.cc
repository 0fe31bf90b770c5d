#include "model/executor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "model/net.h"
#include "model/random_input.h"
#include "model/sample_order.h"
#include "tests/model/small_world.h"

namespace caravan::model {
namespace {

struct Gradients {
  explicit Gradients(const Graph& graph, const RandomInput<float>& input)
      : dense(graph.parameter_elements(), 99.0F) {
    for (const auto& values : input.rows) rows.emplace_back(values.size(), 99.0F);
    spans.assign(rows.begin(), rows.end());
  }
  std::vector<float> dense;
  std::vector<std::vector<float>> rows;
  std::vector<std::span<float>> spans;
};

void ExpectNear(std::span<const float> a, std::span<const float> b, const char* what) {
  ASSERT_EQ(a.size(), b.size());
  double scale = 1e-3;
  for (const float value : b) scale = std::max<double>(scale, std::abs(value));
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 2e-5 * scale) << what << " " << i;
}

std::unique_ptr<Graph> GraphOfWidth(uint32_t view_width) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_view_width(view_width);
  job.mutable_model()->mutable_meta()->set_scope(conf::SHARED);
  auto graph = BuildNet(job, SmallSchema());
  return graph.ok() ? *std::move(graph) : nullptr;
}

RandomInput<float> InputOf(const Graph& graph, uint32_t batch) {
  RandomInputOptions options;
  options.batch = batch;
  options.rows_per_table = 4;
  return RandomInput<float>(graph, options);
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

std::unique_ptr<Graph> GraphByDispersion(const std::vector<double>& weights,
                                         uint32_t dispersion_samples = 0) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_dispersion_samples(dispersion_samples);
  job.mutable_model()->set_view_width(4);
  job.mutable_model()->set_task_weight(weights.empty() ? conf::INVERSE_DISPERSION : conf::UNIT);
  for (size_t t = 0; t < weights.size(); ++t) {
    job.mutable_data()->mutable_tasks(static_cast<int>(t))->set_weight(weights[t]);
  }
  auto graph = BuildNet(job, SmallSchema());
  return graph.ok() ? *std::move(graph) : nullptr;
}

TEST(ExecutorTest, WeightsByDispersionAreThoseOfTheWholeBatch) {
  const auto graph = GraphByDispersion({});
  ASSERT_NE(graph, nullptr);
  const RandomInput<float> input = InputOf(*graph, 7);
  const size_t tasks = graph->tasks().size();
  const auto one = Executor::Create(*graph, 7, 1);
  Gradients expected(*graph, input);
  const ExecutorOutput output =
      (*one)->ForwardBackward(input.view(), expected.dense, expected.spans);

  // Of constant weights of the same size.
  std::vector<double> weights(tasks, 1);
  double loss = 0;
  for (size_t t = 0; t < tasks; ++t) {
    if (graph->tasks()[t].loss != conf::POISSON) {
      loss += output.task_losses[t];
      continue;
    }
    double deviance = 0;
    for (size_t i = t; i < output.predictions.size(); i += tasks) {
      const double y = input.labels[i];
      const double rate = output.predictions[i];
      deviance += 2 * ((y > 0 ? y * std::log(y / rate) : 0) - y + rate) / 7;
    }
    weights[t] = 1 / deviance;
    loss += std::log(deviance) / 2;
  }
  EXPECT_NEAR(output.loss, loss, 1e-5);
  const auto constant = GraphByDispersion(weights);
  Gradients of_constant(*constant, input);
  const auto plain = Executor::Create(*constant, 7, 1);
  (*plain)->ForwardBackward(input.view(), of_constant.dense, of_constant.spans);
  ExpectNear(expected.dense, of_constant.dense, "dense");

  for (const uint32_t threads : {2U, 3U, 9U}) {
    const auto many = Executor::Create(*graph, 7, threads);
    Gradients found(*graph, input);
    EXPECT_NEAR((*many)->ForwardBackward(input.view(), found.dense, found.spans).loss, loss, 1e-5);
    ExpectNear(found.dense, expected.dense, "dense");
    EXPECT_NEAR((*many)->Forward(input.view()).loss, loss, 1e-5);
  }
}

// Parts of a batch take its samples in an order of their own; groups are the caller's.
TEST(ExecutorTest, GroupsOfADispersionAreTheSameForAnyThreads) {
  const auto graph = GraphByDispersion({}, 3);
  ASSERT_NE(graph, nullptr);
  const RandomInput<float> input = InputOf(*graph, 17);
  const auto one = Executor::Create(*graph, 17, 1);
  Gradients expected(*graph, input);
  const double loss = (*one)->ForwardBackward(input.view(), expected.dense, expected.spans).loss;
  for (const uint32_t threads : {2U, 3U, 20U}) {
    const auto many = Executor::Create(*graph, 17, threads);
    Gradients found(*graph, input);
    EXPECT_NEAR((*many)->ForwardBackward(input.view(), found.dense, found.spans).loss, loss, 1e-5);
    ExpectNear(found.dense, expected.dense, "dense");
  }
}

// Along the gradient the loss changes as the gradient says.
class GradientByDispersionTest : public testing::TestWithParam<uint32_t> {};

TEST_P(GradientByDispersionTest, IsThatOfTheLoss) {
  const auto graph = GraphByDispersion({}, GetParam());
  ASSERT_NE(graph, nullptr);
  RandomInput<float> input = InputOf(*graph, 7);
  const auto executor = Executor::Create(*graph, 7, 1);
  Gradients gradients(*graph, input);
  (*executor)->ForwardBackward(input.view(), gradients.dense, gradients.spans);
  const double square = std::inner_product(gradients.dense.begin(), gradients.dense.end(),
                                           gradients.dense.begin(), 0.0);
  const std::vector<float> start = input.dense_parameters;
  const double step = 2e-3 / std::sqrt(square);
  const auto loss_at = [&](double along) {
    for (size_t i = 0; i < start.size(); ++i) {
      input.dense_parameters[i] = static_cast<float>(start[i] + along * gradients.dense[i]);
    }
    return (*executor)->Forward(input.view()).loss;
  };
  const double slope = (loss_at(step) - loss_at(-step)) / (2 * step);
  EXPECT_NEAR(slope, square, 0.01 * square);
}

INSTANTIATE_TEST_SUITE_P(DispersionSamples, GradientByDispersionTest, testing::Values(0U, 3U),
                         testing::PrintToStringParamName());

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
