#include "conf/job_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/conf/job_text.h"

namespace caravan::conf {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class JobLoaderTest : public ::testing::Test {
 protected:
  JobLoaderTest() {
    folder_ = ::testing::TempDir() + "/job_loader_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
    path_ = folder_ + "/job.txtpb";
  }
  ~JobLoaderTest() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<Job> Load(const std::string& text, std::vector<std::string> overrides = {}) {
    std::ofstream(path_) << text;
    return LoadJob(path_, overrides);
  }

  // The message of the error that loading gives; it must be one line.
  std::string Error(const std::string& text, std::vector<std::string> overrides = {}) {
    const absl::StatusOr<Job> job = Load(text, std::move(overrides));
    EXPECT_EQ(job.status().code(), absl::StatusCode::kInvalidArgument);
    std::string message(job.status().message());
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }

  // The right job with `from` replaced.
  static std::string Spoilt(const std::string& from, const std::string& to) {
    std::string text = kJobText;
    text.replace(text.find(from), from.size(), to);
    return text;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(JobLoaderTest, LoadsAndMakesTheDirectoryAbsolute) {
  const absl::StatusOr<Job> job = Load(kJobText);
  ASSERT_TRUE(job.ok()) << std::string(job.status().message());
  EXPECT_EQ(job->training().epochs(), 3u);
  EXPECT_EQ(std::filesystem::path(job->data().directory()),
            std::filesystem::path(folder_ + "/raw").lexically_normal());
  const absl::StatusOr<Job> overridden = Load(kJobText, {"data.directory=elsewhere"});
  ASSERT_TRUE(overridden.ok());
  EXPECT_EQ(overridden->data().directory(), std::filesystem::current_path() / "elsewhere");
}

TEST_F(JobLoaderTest, AnAbsentFileIsNotFound) {
  const absl::StatusOr<Job> job = LoadJob(folder_ + "/none.txtpb", {});
  EXPECT_EQ(job.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(job.status().message()), HasSubstr("none.txtpb"));
  EXPECT_EQ(LoadJob(folder_, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(JobLoaderTest, NamesAnUnknownFieldAndItsNearest) {
  const std::string error = Error(Spoilt("epochs: 3", "epoch: 3"));
  EXPECT_THAT(error, StartsWith(path_ + ":10:"));
  EXPECT_THAT(error, HasSubstr("no field \"epoch\" in Training (did you mean epochs?)"));
}

TEST_F(JobLoaderTest, ListsAnEnumsValues) {
  EXPECT_THAT(Error(Spoilt("COSINE", "COSIN")),
              AllOf(StartsWith(path_ + ":11:"),
                    HasSubstr("schedule is \"COSIN\"; CONSTANT or COSINE is allowed")));
}

TEST_F(JobLoaderTest, QuotesTheLineOfASyntaxError) {
  EXPECT_THAT(Error(Spoilt("epochs: 3", "epochs: many")),
              AllOf(StartsWith(path_ + ":10:"), EndsWith("in \"epochs: many\"")));
  EXPECT_THAT(Error(Spoilt("training {", "training {{")), StartsWith(path_ + ":9:"));
  EXPECT_THAT(Error("\x01\xff{"), StartsWith(path_ + ":1:"));
}

TEST_F(JobLoaderTest, ChecksRangesWithTheirPlace) {
  EXPECT_THAT(Error(Spoilt("epochs: 3", "epochs: 0")),
              AllOf(StartsWith(path_ + ":10:3: "),
                    HasSubstr("training.epochs is 0; 1 to 100000 is allowed")));
  EXPECT_THAT(Error(kJobText, {"training.batch_size=0"}),
              AllOf(StartsWith("--set=training.batch_size=0: "), HasSubstr("1 to 65536")));
  EXPECT_THAT(Error(Spoilt("epochs: 3", "l2: nan")), HasSubstr("training.l2 is nan"));
  EXPECT_THAT(Error(kJobText, {"data.tasks[1].weight=-1"}),
              HasSubstr("data.tasks[1].weight is -1"));
}

TEST_F(JobLoaderTest, ChecksTasks) {
  EXPECT_THAT(Error(kJobText, {"data.tasks="}), HasSubstr("data.tasks is empty"));
  EXPECT_THAT(
      Error(Spoilt("name: \"active\"", "name: \"clicks\"")),
      AllOf(StartsWith(path_ + ":7:11: "), HasSubstr("\"clicks\", which another task has")));
  EXPECT_THAT(Error(kJobText, {"data.tasks[0].name="}), HasSubstr("data.tasks[0].name is empty"));
  EXPECT_THAT(Error(kJobText, {"data.tasks[0].loss=CROSS_ENTROPY"}), HasSubstr("ANY_NONZERO"));
}

TEST_F(JobLoaderTest, ChecksWindowsAndColumns) {
  EXPECT_THAT(Error(kJobText, {"data.dense_windows=7,41"}),
              HasSubstr("data.dense_windows[1] is 41; 1 to history_days, 40"));
  EXPECT_THAT(Error(kJobText, {"data.min_active_days=41"}), HasSubstr("at most history_days, 40"));
  EXPECT_THAT(Error(kJobText, {"data.active_window_days=3"}),
              HasSubstr("is 4; at most active_window_days, 3"));
  EXPECT_THAT(Error(kJobText, {"data.performance_columns+=spend"}), HasSubstr("\"spend\" twice"));
  EXPECT_THAT(Error(kJobText, {"data.profile_columns=a", "data.profile_numeric_columns=a"}),
              HasSubstr("\"a\" twice"));
  EXPECT_THAT(Error(kJobText, {"data.performance_columns="}), HasSubstr("data.active_column"));
  EXPECT_THAT(Error(kJobText, {"data.performance_columns=", "data.behaviour_columns="}),
              HasSubstr("at least one daily series"));
}

TEST_F(JobLoaderTest, ChecksTheSplit) {
  const std::string train = "data.split.train={first_anchor: \"2001-03-01\" last_anchor: \"";
  const std::string valid =
      "data.split.valid={first_anchor: \"2001-05-08\" last_anchor: "
      "\"2001-05-09\"}";
  const std::string test =
      "data.split.test={first_anchor: \"2001-06-01\" last_anchor: "
      "\"2001-06-09\"}";
  EXPECT_TRUE(Load(kJobText, {train + "2001-05-01\"}", valid, test}).ok());
  EXPECT_THAT(Error(kJobText, {valid, test}), HasSubstr("all three or none"));
  EXPECT_THAT(Error(kJobText, {train + "2001-05-02\"}", valid, test}), HasSubstr("never overlap"));
  EXPECT_THAT(Error(kJobText, {train + "2001-02-29\"}", valid, test}),
              HasSubstr("data.split.train.last_anchor is \"2001-02-29\"; a date YYYY-MM-DD"));
  EXPECT_THAT(Error(kJobText, {train + "2001-02-02\"}", valid, test}),
              HasSubstr("before first_anchor"));
  EXPECT_THAT(Error(kJobText, {"data.split.gap_days=3"}), HasSubstr("horizon_days, 7"));
}

TEST_F(JobLoaderTest, ChecksModelAndCluster) {
  EXPECT_THAT(Error(kJobText, {"model.heads=5"}), HasSubstr("model.heads is 5; a divisor of"));
  EXPECT_TRUE(Load(kJobText, {"model.heads=5", "model.transformer=false"}).ok());
  EXPECT_THAT(Error(kJobText, {"model.dispersion_samples=8"}),
              HasSubstr("needs task_weight INVERSE_DISPERSION, which is INVERSE_MEAN"));
  EXPECT_TRUE(
      Load(kJobText, {"model.dispersion_samples=8", "model.task_weight=INVERSE_DISPERSION"}).ok());
  EXPECT_THAT(Error(kJobText, {"cluster.shards=7"}), HasSubstr("each of the 8 lanes"));
  EXPECT_THAT(Error(kJobText, {"cluster.dead_after_ms=1500"}), HasSubstr("two heartbeats, 2000"));
  EXPECT_THAT(Error(kJobText, {"name=a/b"}), HasSubstr("letters, digits"));
}

TEST_F(JobLoaderTest, EarlyStoppingNeedsScoresAndCheckpoints) {
  const std::string patience = "training.early_stopping.patience=2";
  EXPECT_TRUE(Load(kJobText, {patience}).ok());
  EXPECT_TRUE(
      Load(kJobText, {patience, "training.evaluate_every_epochs=4", "checkpoint.every_epochs=2"})
          .ok());
  EXPECT_THAT(Error(kJobText, {"training.early_stopping.patience=0"}), HasSubstr("patience"));
  EXPECT_THAT(Error(kJobText, {patience, "training.evaluate_every_epochs=0"}),
              HasSubstr("training.evaluate_every_epochs is 0; at least 1"));
  EXPECT_THAT(Error(kJobText, {patience, "checkpoint.every_epochs=2"}),
              HasSubstr("a divisor of training.evaluate_every_epochs, 1"));
}

TEST_F(JobLoaderTest, OverridesOfALoadedJobAreAllOrNothing) {
  absl::StatusOr<Job> job = Load(kJobText);
  ASSERT_TRUE(job.ok());
  const std::vector<std::string> overrides = {"training.epochs=5", "training.l2=7"};
  EXPECT_FALSE(ApplyOverrides(*job, overrides).ok());
  EXPECT_EQ(job->training().epochs(), 3u);
  EXPECT_TRUE(ApplyOverrides(*job, std::span(overrides).first(1)).ok());
  EXPECT_EQ(job->training().epochs(), 5u);
}

TEST_F(JobLoaderTest, JobTextHoldsEveryDefaultAndReadsBack) {
  const absl::StatusOr<Job> job = Load(kJobText);
  ASSERT_TRUE(job.ok());
  const std::string text = JobText(*job);
  EXPECT_THAT(text, AllOf(HasSubstr("batch_size: 256"), HasSubstr("adam {"), HasSubstr("keep: 3")));
  EXPECT_EQ(text.find("sparse_optimizer"), std::string::npos);
  const absl::StatusOr<Job> again = Load(text);
  ASSERT_TRUE(again.ok()) << std::string(again.status().message());
  EXPECT_EQ(JobText(*again), text);
}

}  // namespace
}  // namespace caravan::conf
