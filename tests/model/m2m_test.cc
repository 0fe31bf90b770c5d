// The whole of M2M: its gradient in every form, its parameters' names, and that it learns.
#include "model/nets/m2m.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "model/executor.h"
#include "model/link.h"
#include "model/net.h"
#include "model/random_input.h"
#include "tests/model/small_world.h"

namespace caravan::model {
namespace {

struct Form {
  const char* name;
  std::function<void(conf::Job&)> change;
};

class M2mGradientTest : public testing::TestWithParam<Form> {};

TEST_P(M2mGradientTest, MatchesCentralDifferences) {
  conf::Job job = SmallJob();
  GetParam().change(job);
  const auto graph = BuildNet(job, SmallSchema());
  ASSERT_TRUE(graph.ok()) << graph.status();
  ExpectGradientsMatch(**graph, 3);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, M2mGradientTest,
    testing::Values(
        Form{"Task",
             [](conf::Job& job) { job.mutable_model()->mutable_meta()->set_scope(conf::TASK); }},
        Form{"Shared",
             [](conf::Job& job) { job.mutable_model()->mutable_meta()->set_scope(conf::SHARED); }},
        Form{"LowRankTask",
             [](conf::Job& job) {
               job.mutable_model()->mutable_meta()->set_scope(conf::TASK);
               job.mutable_model()->mutable_meta()->set_rank(2);
             }},
        Form{"LowRankShared",
             [](conf::Job& job) {
               job.mutable_model()->mutable_meta()->set_scope(conf::SHARED);
               job.mutable_model()->mutable_meta()->set_rank(3);
             }},
        Form{"MetaDropout",
             [](conf::Job& job) {
               job.mutable_model()->mutable_meta()->set_scenario_width(6);
               job.mutable_model()->mutable_meta()->set_dropout(0.5);
             }},
        Form{"Softplus", [](conf::Job& job) { job.mutable_model()->set_link(conf::SOFTPLUS); }},
        Form{"Mean", [](conf::Job& job) { job.mutable_model()->set_sequence_pool(conf::MEAN); }},
        Form{"NoTransformer", [](conf::Job& job) { job.mutable_model()->set_transformer(false); }},
        Form{"NoMetaAttention",
             [](conf::Job& job) { job.mutable_model()->set_meta_attention(false); }},
        Form{"NoMetaTower", [](conf::Job& job) { job.mutable_model()->set_meta_tower(false); }},
        Form{"ExposureOffset",
             [](conf::Job& job) { job.mutable_model()->set_exposure_offset_days(3); }},
        Form{"CrossEntropy",
             [](conf::Job& job) {
               job.mutable_data()->mutable_tasks(1)->set_loss(conf::CROSS_ENTROPY);
             }}),
    [](const auto& form) { return form.param.name; });

TEST(M2mTest, NamesItsParameters) {
  conf::Job job = SmallJob();
  job.mutable_model()->mutable_meta()->set_scope(conf::SHARED);
  const auto graph = BuildNet(job, SmallSchema());
  ASSERT_TRUE(graph.ok()) << graph.status();
  const conf::ModelSpec spec = MakeModelSpec(**graph);
  const auto has = [&](const std::string& name) {
    return std::ranges::any_of(spec.tensors(), [&](const auto& t) { return t.name() == name; });
  };
  for (const char* name :
       {"performance.encoder.query.weight", "behaviour.position", "experts.weight", "experts.bias",
        "tasks.embedding", "task_views.weight", "scenario_knowledge.weight",
        "meta_attention.layer1.V_w", "meta_attention.layer2.v_w", "meta_attention.v",
        "tower.1.layer2.V_b", "tower.2.layer1.v_b", "head.clicks.weight", "head.cost.bias"}) {
    EXPECT_TRUE(has(name)) << name;
  }
  EXPECT_EQ(spec.tables_size(), 4);
}

TEST(M2mTest, StartsAtTheTasksMeans) {
  for (const conf::Link link : {conf::EXP, conf::SOFTPLUS}) {
    conf::Job job = SmallJob();
    job.mutable_model()->set_link(link);
    conf::Schema schema = SmallSchema();
    schema.mutable_tasks(0)->set_training_mean(250);
    const auto graph = BuildNet(job, schema);
    ASSERT_TRUE(graph.ok()) << graph.status();
    for (const Parameter& parameter : (*graph)->parameters()) {
      if (parameter.name != "head.clicks.bias") continue;
      const double z = parameter.initializer.constant();
      EXPECT_NEAR(Predict(link == conf::EXP ? LinkKind::kExp : LinkKind::kSoftplus, z), 250, 1e-3);
    }
  }
}

// Twice the exposure, twice the prediction, for the tasks whose column has the dense feature.
TEST(M2mTest, PredictsInProportionToTheExposure) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_exposure_offset_days(3);
  const conf::Schema schema = SmallSchema();
  const auto plain = BuildNet(SmallJob(), schema);
  const auto offset = BuildNet(job, schema);
  ASSERT_TRUE(plain.ok() && offset.ok()) << plain.status() << offset.status();
  RandomInputOptions options;
  options.batch = 4;
  const RandomInput<float> input(**plain, options);
  auto without = Executor::Create(**plain, options.batch, 1);
  auto with = Executor::Create(**offset, options.batch, 1);
  ASSERT_TRUE(without.ok() && with.ok());
  const auto rates = (*without)->Forward(input.view()).predictions;
  const std::vector<float> before(rates.begin(), rates.end());
  const auto predictions = (*with)->Forward(input.view()).predictions;
  for (size_t i = 0; i < before.size(); ++i) {
    const size_t task = i % 3;  // clicks and cost have one, active has none
    const double x = task < 2 ? input.dense_features[i / 3 * 2 + task] : 0;
    // log1p(total) = 0.5 x + 0.4 over 3 days; the horizon is 6.
    const double exposure = task < 2 ? std::exp(0.5 * x + 0.4) * 2 : 1;
    EXPECT_NEAR(predictions[i], before[i] * exposure, 1e-4 * before[i] * exposure) << i;
  }
}

TEST(M2mTest, RefusesAnExposureOffsetThatDoesNotFit) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_exposure_offset_days(28);
  EXPECT_THAT(std::string(BuildNet(job, SmallSchema()).status().message()),
              testing::HasSubstr("28 among data.dense_windows"));
  job.mutable_model()->set_exposure_offset_days(3);
  job.mutable_model()->set_link(conf::SOFTPLUS);
  EXPECT_THAT(std::string(BuildNet(job, SmallSchema()).status().message()),
              testing::HasSubstr("need model.link EXP"));
}

TEST(M2mTest, TheExposureOfEachTaskMayBeTheDataSets) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_exposure_offset_auto(true);
  conf::Schema schema = SmallSchema();
  EXPECT_THAT(std::string(BuildNet(job, schema).status().message()),
              testing::HasSubstr("must be imported anew"));
  schema.mutable_tasks(1)->set_exposure_days(3);
  const auto one = BuildNet(job, schema);
  ASSERT_TRUE(one.ok()) << one.status();
  // Only the task that has an exposure starts at a rate of 1.
  const auto starts = [](const Graph& graph) {
    for (const Parameter& parameter : graph.parameters()) {
      if (parameter.name == "head.cost.bias") return double{parameter.initializer.constant()};
    }
    return -1.0;
  };
  EXPECT_EQ(starts(**one), 0);
  EXPECT_NE(starts(**BuildNet(SmallJob(), schema)), 0);
  job.mutable_model()->set_exposure_offset_days(3);
  EXPECT_THAT(std::string(BuildNet(job, schema).status().message()),
              testing::HasSubstr("leave out model.exposure_offset_days"));
}

TEST(M2mTest, RefusesWhatDoesNotFit) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_heads(3);
  EXPECT_THAT(std::string(BuildNet(job, SmallSchema()).status().message()),
              testing::HasSubstr("model.heads is 3"));
  job = SmallJob();
  job.mutable_model()->set_net("m3m");
  EXPECT_THAT(std::string(BuildNet(job, SmallSchema()).status().message()),
              testing::HasSubstr("known nets are: m2m"));
  job = SmallJob();
  job.mutable_data()->mutable_tasks(0)->set_name("other");
  EXPECT_THAT(std::string(BuildNet(job, SmallSchema()).status().message()),
              testing::HasSubstr("no task clicks"));
  conf::Schema schema = SmallSchema();
  schema.clear_tasks();
  EXPECT_EQ(BuildNet(SmallJob(), schema).status().code(), absl::StatusCode::kInvalidArgument);
  job = SmallJob();
  job.mutable_model()->set_meta_tower(false);
  job.mutable_model()->set_meta_attention(false);
  EXPECT_EQ(BuildNet(job, SmallSchema()).status().code(), absl::StatusCode::kInvalidArgument);
}

// The net has to use the scenario and a profile value, by its meta units alone.
TEST(M2mTest, LearnsWhatDependsOnTheScenario) {
  conf::Job job = SmallJob();
  job.mutable_model()->set_embedding_width(4);
  job.mutable_model()->set_view_width(8);
  job.mutable_model()->mutable_meta()->set_scope(conf::SHARED);
  job.mutable_model()->mutable_meta()->set_scenario_width(8);
  const auto graph = BuildNet(job, SmallSchema());
  ASSERT_TRUE(graph.ok()) << graph.status();
  ScenarioTask task(**graph);
  const double last = task.Train(300);
  EXPECT_GT(task.first(), 1.0);
  EXPECT_LT(last, 0.05 * task.first());
  EXPECT_GE(last, -1e-4) << "below the loss of the true rates";
}

}  // namespace
}  // namespace caravan::model
