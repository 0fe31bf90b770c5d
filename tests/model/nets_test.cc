// The baselines: the gradient of each whole net, that each learns, and what sets them apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "model/executor.h"
#include "model/net.h"
#include "model/random_input.h"
#include "tests/model/small_world.h"

namespace caravan::model {
namespace {

class NetTest : public testing::TestWithParam<std::string> {
 protected:
  static conf::Job JobOf(const std::string& net) {
    conf::Job job = SmallJob();
    job.mutable_model()->set_net(net);
    job.mutable_model()->set_view_width(4);
    job.mutable_model()->mutable_meta()->set_scope(conf::SHARED);
    return job;
  }
};

INSTANTIATE_TEST_SUITE_P(Nets, NetTest, testing::ValuesIn(NetNames()),
                         [](const auto& net) { return net.param; });

TEST_P(NetTest, GradientMatchesCentralDifferences) {
  const auto graph = BuildNet(JobOf(GetParam()), SmallSchema());
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ((*graph)->net(), GetParam());
  ExpectGradientsMatch(**graph, 3);
}

// Labels that follow from the scenario's and a profile's row: gradient descent must bring the loss
// most of the way down to that of the true rates.
TEST_P(NetTest, Learns) {
  conf::Job job = JobOf(GetParam());
  job.mutable_model()->set_embedding_width(4);
  job.mutable_model()->set_view_width(8);
  const auto graph = BuildNet(job, SmallSchema());
  ASSERT_TRUE(graph.ok()) << graph.status();
  ScenarioTask task(**graph);
  EXPECT_GT(task.Train(0), 1.0);
  EXPECT_LT(task.Train(400), 0.1 * task.first());
}

size_t DenseParameters(const std::string& net) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_net(net);
  const auto graph = BuildNet(job, SmallSchema());
  EXPECT_TRUE(graph.ok()) << graph.status();
  return (*graph)->parameter_elements();
}

// Three tasks, three networks: nothing of one task's network moves another's predictions.
TEST(SingleTaskTest, SharesNothing) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_net("single_task");
  const auto graph = BuildNet(job, SmallSchema());
  ASSERT_TRUE(graph.ok()) << graph.status();
  RandomInputOptions options;
  options.batch = 5;
  RandomInput<float> input(**graph, options);
  auto executor = Executor::Create(**graph, options.batch, 1);
  ASSERT_TRUE(executor.ok()) << executor.status();
  const auto predict = [&] {
    const auto predictions = (*executor)->Forward(input.view()).predictions;
    return std::vector<float>(predictions.begin(), predictions.end());
  };
  const std::vector<float> before = predict();
  for (const Parameter& parameter : (*graph)->parameters()) {
    if (parameter.name.find("clicks") == std::string::npos) continue;
    for (uint64_t i = 0; i < parameter.elements; ++i) {
      input.dense_parameters[parameter.offset + i] += 0.3F;
    }
  }
  const uint32_t width = job.model().embedding_width();
  for (auto& rows : input.rows) {  // the first columns of each row are those of the first task
    for (size_t i = 0; i < rows.size(); ++i) rows[i] += i % (3 * width) < width ? 0.3F : 0.0F;
  }
  const std::vector<float> after = predict();
  for (size_t i = 0; i < before.size(); ++i) {
    if (i % 3 == 0) {
      EXPECT_NE(before[i], after[i]) << i;
    } else {
      EXPECT_EQ(before[i], after[i]) << i;
    }
  }
}

// Means 0.6 in all, 0.3 and 1.2 in two scenarios of 60 and 20 samples, none in the third.
conf::Schema SchemaOfThreeScenarios() {
  conf::Schema schema = SmallSchema();
  schema.clear_scenarios();
  for (const char* scenario : {"A", "B", "C"}) schema.add_scenarios(scenario);
  for (conf::TaskSchema& task : *schema.mutable_tasks()) {
    task.clear_scenario_means();
    for (const double mean : {0.3, 1.2, 0.0}) task.add_scenario_means(mean);
  }
  schema.clear_splits();
  conf::SplitSchema& train = *schema.add_splits();
  train.set_name("train");
  for (const uint64_t samples : {60, 20, 0}) train.add_scenario_samples(samples);
  return schema;
}

TEST(NetsTest, TaskWeightsByScenarioAreThoseOfTheMetric) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_task_weight(conf::INVERSE_SCENARIO_MEAN);
  const auto by_mean = BuildNet(job, SchemaOfThreeScenarios());
  ASSERT_TRUE(by_mean.ok()) << by_mean.status();
  const GraphTask& task = (*by_mean)->tasks()[0];
  EXPECT_DOUBLE_EQ(task.lambda, 1 / 0.6);
  EXPECT_THAT(task.scenario_factors, testing::ElementsAre(2, 0.5, 1));
  ExpectGradientsMatch(**by_mean, 4);

  job.mutable_model()->set_task_weight(conf::INVERSE_SCENARIO_TOTAL);
  const auto by_total = BuildNet(job, SchemaOfThreeScenarios());
  ASSERT_TRUE(by_total.ok()) << by_total.status();
  EXPECT_THAT((*by_total)->tasks()[0].scenario_factors,
              testing::ElementsAre(testing::DoubleEq(2 * 80.0 / 180),
                                   testing::DoubleEq(0.5 * 80.0 / 60), 1));

  conf::Schema before = SchemaOfThreeScenarios();
  before.mutable_tasks(0)->clear_scenario_means();
  EXPECT_THAT(std::string(BuildNet(job, before).status().message()),
              testing::HasSubstr("must be imported anew"));
}

TEST(NetsTest, TheWidePartStartsAtNothingAndFollowsTheDenseFeatures) {
  conf::Job job = SmallJob();
  const auto plain = BuildNet(job, SmallSchema());
  job.mutable_model()->set_wide(true);
  const auto wide = BuildNet(job, SmallSchema());
  ASSERT_TRUE(wide.ok()) << wide.status();
  const uint64_t weights = (*wide)->parameter_elements() - (*plain)->parameter_elements();
  EXPECT_EQ(weights, (*wide)->dense_features() * (*wide)->tasks().size());
  ExpectGradientsMatch(**wide, 3);

  RandomInputOptions options;
  options.batch = 4;
  RandomInput<float> input(**wide, options);
  const RandomInput<float> of_plain(**plain, options);
  const auto executor = *Executor::Create(**wide, options.batch, 1);
  const auto predict = [&] {
    const auto predictions = executor->Forward(input.view()).predictions;
    return std::vector<float>(predictions.begin(), predictions.end());
  };
  const std::vector<float> before = predict();
  const auto plain_executor = *Executor::Create(**plain, options.batch, 1);
  const ExecutorOutput expected = plain_executor->Forward(of_plain.view());
  for (size_t i = 0; i < before.size(); ++i) EXPECT_FLOAT_EQ(before[i], expected.predictions[i]);
  for (const Parameter& parameter : (*wide)->parameters()) {
    if (parameter.name.rfind("wide", 0) != 0) continue;
    input.dense_parameters[parameter.offset] = 0.5F;  // first task, first feature
  }
  const std::vector<float> after = predict();
  const size_t tasks = (*wide)->tasks().size();
  for (uint32_t b = 0; b < options.batch; ++b) {
    const float feature = input.dense_features[b * (*wide)->dense_features()];
    EXPECT_NEAR(after[b * tasks], before[b * tasks] * std::exp(0.5F * feature),
                1e-4 * after[b * tasks]);
    EXPECT_EQ(after[b * tasks + 1], before[b * tasks + 1]);
  }

  conf::Schema without = SmallSchema();
  without.clear_dense_names();
  without.clear_dense_means();
  without.clear_dense_deviations();
  EXPECT_THAT(std::string(BuildNet(job, without).status().message()),
              testing::HasSubstr("model.wide is a map of the dense features"));
}

TEST(NetsTest, SharingSavesParameters) {
  EXPECT_GT(DenseParameters("single_task"), DenseParameters("cross_stitch"));
  EXPECT_GT(DenseParameters("m2m"), DenseParameters("m2m_without_meta_tower"));
}

TEST(NetsTest, MranRefusesHeadsThatDoNotDivideItsTokens) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_net("mran");
  job.mutable_model()->set_view_width(5);
  EXPECT_THAT(std::string(BuildNet(job, SmallSchema()).status().message()),
              testing::HasSubstr("does not divide model.view_width 5"));
}

}  // namespace
}  // namespace caravan::model
