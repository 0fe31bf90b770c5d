#include "model/dispersions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include "model/executor.h"
#include "model/metrics.h"
#include "model/net.h"
#include "model/random_input.h"
#include "tests/model/small_world.h"

namespace caravan::model {
namespace {

std::vector<GraphTask> Tasks(uint32_t samples) {
  GraphTask counted{.name = "clicks"};
  counted.by_dispersion = true;
  counted.dispersion_samples = samples;
  GraphTask binary{.name = "any", .loss = conf::CROSS_ENTROPY};
  binary.dispersion_samples = samples;
  return {counted, binary};
}

// Five samples of two tasks; the second is not weighted.
const std::vector<float> kRates = {1, 0.5F, 2, 0.5F, 4, 0.5F, 1, 0.5F, 3, 0.5F};
const std::vector<float> kLabels = {2, 1, 2, 0, 1, 1, 0, 1, 3, 0};

double Deviance(size_t sample) { return PoissonDeviance(kRates[2 * sample], kLabels[2 * sample]); }

TEST(DispersionsTest, WithoutGroupsABatchHasOne) {
  Dispersions dispersions(Tasks(0), 5);
  ASSERT_TRUE(dispersions.needed());
  dispersions.Find(kRates, kLabels, {});
  double mean = 0;
  for (size_t sample = 0; sample < 5; ++sample) mean += Deviance(sample) / 5;
  for (size_t sample = 0; sample < 5; ++sample) {
    EXPECT_FLOAT_EQ(dispersions.factors()[2 * sample], static_cast<float>(1 / mean));
    EXPECT_EQ(dispersions.factors()[2 * sample + 1], 1);
  }
  EXPECT_NEAR(dispersions.loss(0), std::log(mean) / 2, 1e-12);
}

// Five samples in groups of about two: {0, 1}, {2, 3} and {4}, the last predicted exactly.
TEST(DispersionsTest, EachGroupHasItsOwn) {
  Dispersions dispersions(Tasks(2), 8);
  const std::vector<uint32_t> order = {4, 2, 0, 1, 3};
  dispersions.Find(kRates, kLabels, order);
  const double first = (Deviance(0) + Deviance(1)) / 2;
  const double second = (Deviance(2) + Deviance(3)) / 2;
  const std::vector<double> by_place = {1e-6, second, first, first, second};
  for (size_t place = 0; place < 5; ++place) {
    EXPECT_FLOAT_EQ(dispersions.factors()[2 * place], static_cast<float>(1 / by_place[place]));
  }
  EXPECT_NEAR(dispersions.loss(0),
              (2 * std::log(first) + 2 * std::log(second) + std::log(1e-6)) / 10, 1e-12);
}

TEST(DispersionsTest, NoTaskNeedsThem) {
  EXPECT_FALSE(Dispersions(std::vector<GraphTask>{{.name = "clicks"}}, 4).needed());
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

TEST(DispersionsTest, WeightsAreThoseOfTheWholeBatch) {
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
TEST(DispersionsTest, GroupsAreTheSameForAnyThreads) {
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
class DispersionGradientTest : public testing::TestWithParam<uint32_t> {};

TEST_P(DispersionGradientTest, IsThatOfTheLoss) {
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

INSTANTIATE_TEST_SUITE_P(DispersionSamples, DispersionGradientTest, testing::Values(0U, 3U),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace caravan::model
