#include "conf/job_overrides.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/conf/job_text.h"

namespace caravan::conf {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Error(const std::string& text) {
  Job job = ParseJobText();
  const absl::StatusOr<std::string> path = ApplyOverride(job, text);
  EXPECT_FALSE(path.ok()) << text;
  EXPECT_EQ(job.DebugString(), ParseJobText().DebugString()) << text;
  return std::string(path.status().message());
}

Job Applied(const std::string& text) {
  Job job = ParseJobText();
  const absl::StatusOr<std::string> path = ApplyOverride(job, text);
  EXPECT_TRUE(path.ok()) << std::string(path.status().message());
  return job;
}

TEST(JobOverridesTest, SetsScalarsOfEachType) {
  EXPECT_EQ(Applied("training.epochs=7").training().epochs(), 7u);
  EXPECT_EQ(Applied("training.l2=1e-3").training().l2(), 1e-3);
  EXPECT_FALSE(Applied("data.dense_features=false").data().dense_features());
  EXPECT_EQ(Applied("model.meta.scope=SHARED").model().meta().scope(), SHARED);
  EXPECT_EQ(Applied("data.directory=/a b/c").data().directory(), "/a b/c");
  EXPECT_EQ(Applied("name=\"quoted\"").name(), "quoted");
}

TEST(JobOverridesTest, ReturnsThePath) {
  Job job = ParseJobText();
  const absl::StatusOr<std::string> path = ApplyOverride(job, "data.dense_windows+=14");
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(*path, "data.dense_windows");
}

TEST(JobOverridesTest, ReplacesTheKindOfOptimizer) {
  Job job = ParseJobText();
  ASSERT_TRUE(ApplyOverride(job, "training.optimizer.adam.learning_rate=0.01").ok());
  ASSERT_TRUE(ApplyOverride(job, "training.optimizer.adam.beta1=0.8").ok());
  EXPECT_EQ(job.training().optimizer().adam().learning_rate(), 0.01);
  EXPECT_EQ(job.training().optimizer().adam().beta1(), 0.8);
  ASSERT_TRUE(ApplyOverride(job, "training.optimizer.sgd.momentum=0.9").ok());
  EXPECT_FALSE(job.training().optimizer().has_adam());
  EXPECT_EQ(job.training().optimizer().sgd().momentum(), 0.9);
}

TEST(JobOverridesTest, ChangesRepeatedFields) {
  EXPECT_THAT(Applied("data.dense_windows=7,14,28").data().dense_windows(), ElementsAre(7, 14, 28));
  EXPECT_THAT(Applied("data.performance_columns=").data().performance_columns(), ElementsAre());
  EXPECT_THAT(Applied("data.performance_columns+=sales").data().performance_columns(),
              ElementsAre("clicks", "spend", "sales"));
  EXPECT_THAT(Applied("data.performance_columns[0]=sales").data().performance_columns(),
              ElementsAre("sales", "spend"));
  EXPECT_EQ(Applied("data.tasks[1].weight=2").data().tasks(1).weight(), 2);
  const Job job = Applied("data.tasks+={name: \"spend\" loss: POISSON}");
  ASSERT_EQ(job.data().tasks_size(), 3);
  EXPECT_EQ(job.data().tasks(2).name(), "spend");
}

TEST(JobOverridesTest, NamesWhatIsWrong) {
  EXPECT_THAT(Error("training.epochs"), HasSubstr("path.to.field=value is wanted"));
  EXPECT_THAT(Error("=3"), HasSubstr("path.to.field=value is wanted"));
  EXPECT_THAT(Error("training.epoch=3"), HasSubstr("did you mean epochs?"));
  EXPECT_THAT(Error("trainig.epochs=3"), HasSubstr("did you mean training?"));
  EXPECT_THAT(Error("training.epochs=many"),
              HasSubstr("training.epochs is \"many\"; a whole number"));
  EXPECT_THAT(Error("training.epochs=-1"), HasSubstr("a whole number"));
  EXPECT_THAT(Error("training.l2=x"), HasSubstr("a number is allowed"));
  EXPECT_THAT(Error("data.dense_features=maybe"), HasSubstr("true or false"));
  EXPECT_THAT(Error("training.schedule=LINEAR"), HasSubstr("CONSTANT or COSINE"));
  EXPECT_THAT(Error("training.epochs.x=1"), HasSubstr("epochs has no fields of its own"));
  EXPECT_THAT(Error("data.tasks.weight=1"), HasSubstr("tasks needs an index"));
  EXPECT_THAT(Error("data.tasks[2].weight=1"), HasSubstr("tasks has 2 elements"));
  EXPECT_THAT(Error("data.tasks[x].weight=1"), HasSubstr("is no field[index]"));
  EXPECT_THAT(Error("data.tasks[=1"), HasSubstr("is no field[index]"));
  EXPECT_THAT(Error("training[0].epochs=1"), HasSubstr("training takes no index"));
  EXPECT_THAT(Error("training.epochs+=1"), HasSubstr("is no list"));
  EXPECT_THAT(Error("model.meta=3"), HasSubstr("fields of Meta"));
}

}  // namespace
}  // namespace caravan::conf
