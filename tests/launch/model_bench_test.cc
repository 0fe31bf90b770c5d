#include "launch/bench/model_bench.h"

#include <gtest/gtest.h>

#include "conf/job.pb.h"
#include "launch/bench/synthetic_schema.h"
#include "model/net.h"
#include "model/op.h"

namespace caravan::launch {
namespace {

conf::Job SmallJob() {
  conf::Job job;
  conf::Data& data = *job.mutable_data();
  data.set_history_days(5);
  data.add_behaviour_columns("logins");
  data.add_performance_columns("clicks");
  data.add_performance_columns("cost");
  data.add_profile_columns("state");
  data.add_profile_numeric_columns("age");
  data.add_scenario_numeric_columns("size");
  data.add_tasks()->set_name("clicks");
  data.add_tasks()->set_name("active");
  data.mutable_tasks(1)->set_loss(conf::CROSS_ENTROPY);
  job.mutable_model()->set_view_width(4);
  return job;
}

TEST(SyntheticSchemaTest, HasTheFieldsThatAnImportWouldGive) {
  const conf::Schema schema = SyntheticSchema(SmallJob().data());
  ASSERT_EQ(schema.fields_size(), 7);
  EXPECT_EQ(schema.fields(0).name(), "scenario.id");
  EXPECT_EQ(schema.fields(5).name(), "performance.clicks");
  EXPECT_EQ(schema.fields(5).values(), 34U);
  EXPECT_EQ(schema.fields(6).first_key(), 34U) << "keys of a group follow each other";
  // 3 series; 7 and 28 days are cut to the history, and one window then.
  EXPECT_EQ(schema.dense_names_size(), 3);
  EXPECT_EQ(schema.dense_names(0), "behaviour.logins.total_5");
  ASSERT_EQ(schema.tasks_size(), 2);
  EXPECT_EQ(schema.tasks(0).exposure_days(), 5U);
}

TEST(ModelBenchTest, FiguresAgreeWithEachOther) {
  const conf::Job job = SmallJob();
  const auto graph = model::BuildNet(job, SyntheticSchema(job.data()));
  ASSERT_TRUE(graph.ok()) << graph.status();
  ModelBenchOptions options;
  options.batch = 8;
  options.seconds = 0.01;
  const auto figures = BenchModel(**graph, options);
  ASSERT_TRUE(figures.ok()) << figures.status();
  EXPECT_GT(figures->samples_per_s, 0);
  EXPECT_NEAR(figures->gflop_per_s, figures->samples_per_s * figures->step_mflop_per_sample * 1e-3,
              1e-6 * figures->gflop_per_s);
  EXPECT_EQ(figures->parameters, (*graph)->parameter_elements());
  EXPECT_GT(figures->forward_workspace_bytes, 0U);
  EXPECT_GT(figures->workspace_bytes, figures->forward_workspace_bytes);
  EXPECT_GT(figures->gemm_beside_gflop_per_s, 0);
  EXPECT_LE(figures->gemm_beside_gflop_per_s, figures->gemm_peak_gflop_per_s);
  ASSERT_EQ(figures->ops.size(), (*graph)->ops().size());
  EXPECT_EQ(figures->ops[0].name, (*graph)->ops()[0]->name());
  double ops_ms = 0;
  for (const OpFigures& op : figures->ops) ops_ms += op.forward_ms + op.backward_ms;
  EXPECT_GT(ops_ms, 0);
  options.threads = 2;
  const auto threaded = BenchModel(**graph, options);
  ASSERT_TRUE(threaded.ok()) << threaded.status();
  EXPECT_TRUE(threaded->ops.empty());
  options.threads = 1;
  options.batch = 0;
  EXPECT_EQ(BenchModel(**graph, options).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace caravan::launch
