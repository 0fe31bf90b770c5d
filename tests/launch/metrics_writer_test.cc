#include "launch/report/metrics_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "launch/report/event.pb.h"
#include "launch/report/run_record.h"
#include "tests/launch/small_run.h"

namespace caravan::launch {
namespace {

class MetricsWriterTest : public ::testing::Test {
 protected:
  MetricsWriterTest()
      : run_(*RunDirectory::At(::testing::TempDir() + "metrics_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(run_.path());
    EXPECT_TRUE(run_.CreateFolders().ok());
  }
  ~MetricsWriterTest() override { std::filesystem::remove_all(run_.path()); }

  std::vector<nlohmann::json> Lines() const {
    std::istringstream text(*ReadFile(run_.MetricsFile()));
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  RunDirectory run_;
};

TEST_F(MetricsWriterTest, EachLineIsAnObject) {
  const auto writer = MetricsWriter::Open(run_, SmallRun());
  ASSERT_TRUE(writer.ok());
  (*writer)->OnProgress(SmallProgress(1, 0.5));
  scheduler::EpochSummary epoch;
  epoch.ledger = {500, 500};
  epoch.ledger_expected = 500;
  (*writer)->OnEpoch(epoch);
  (*writer)->OnEvaluation(SmallEvaluation("test"));
  (*writer)->OnCheckpoint("/run/checkpoints/000001", 0.25);
  (*writer)->OnRunEnd(absl::CancelledError("bad \xff byte"));
  const std::vector<nlohmann::json> lines = Lines();
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines[0]["kind"], "start");
  EXPECT_EQ(lines[0]["resumed"], false);
  EXPECT_EQ(lines[1]["loss"], 0.5);
  EXPECT_EQ(lines[1]["task_losses"], nlohmann::json({0.25, 0.75}));
  EXPECT_EQ(lines[1]["staleness"], 3.0);
  EXPECT_EQ(lines[2]["ledger"], nlohmann::json({500, 500}));
  EXPECT_EQ(lines[3]["overall"]["nmae"], 0.5);
  EXPECT_EQ(lines[3]["overall"]["smape"], 0.25);
  ASSERT_EQ(lines[3]["cells"].size(), 4u);
  EXPECT_EQ(lines[3]["cells"][2]["task"], "spend");
  EXPECT_EQ(lines[3]["cells"][2]["scenario"], "A");
  EXPECT_TRUE(lines[3]["cells"][3]["nmae"].is_null());
  EXPECT_EQ(lines[4]["seconds"], 0.25);
  EXPECT_EQ(lines[5]["ok"], false);
}

TEST_F(MetricsWriterTest, ASecondWithoutSamplesHasNoLoss) {
  const auto writer = MetricsWriter::Open(run_, SmallRun());
  ASSERT_TRUE(writer.ok());
  (*writer)->OnProgress(scheduler::Progress());
  EXPECT_TRUE(Lines()[1]["loss"].is_null());
}

TEST_F(MetricsWriterTest, EventsCarryTheCurves) {
  const auto writer = MetricsWriter::Open(run_, SmallRun());
  ASSERT_TRUE(writer.ok());
  (*writer)->OnProgress(SmallProgress(1, 0.5));
  (*writer)->OnEvaluation(SmallEvaluation("valid"));
  const std::filesystem::directory_iterator files(run_.EventsDirectory());
  const auto records = ReadRecords(files->path().string());
  ASSERT_TRUE(records.ok());
  std::map<std::string, float> values;
  for (const std::string& record : *records) {
    Event event;
    ASSERT_TRUE(event.ParseFromString(record));
    for (const EventValue& value : event.summary().value()) {
      values[value.tag()] = value.simple_value();
    }
  }
  EXPECT_EQ(values["train/loss"], 0.5F);
  EXPECT_EQ(values["train/loss/spend"], 0.75F);
  EXPECT_EQ(values["valid/nmae"], 0.5F);
}

TEST_F(MetricsWriterTest, ARecordSpansResumptionsAndTornLines) {
  for (const double seconds : {10.0, 4.0}) {
    const auto writer = MetricsWriter::Open(run_, SmallRun());
    ASSERT_TRUE(writer.ok());
    (*writer)->OnProgress(SmallProgress(seconds, 0.5));
    (*writer)->OnEvaluation(SmallEvaluation("test"));
    std::ofstream(run_.MetricsFile(), std::ios::app) << "{\"kind\":\"progress\",\"sec\n";
  }
  const auto record = LoadRunRecord(run_.MetricsFile(), SmallRun().schema());
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->starts, 2u);
  ASSERT_EQ(record->progress.size(), 2u);
  EXPECT_EQ(record->progress[1].seconds, 14);
  ASSERT_NE(record->LastEvaluation("test"), nullptr);
  const ScoreTable& table = record->LastEvaluation("test")->table;
  EXPECT_EQ(table.overall.nmae, 0.5);
  EXPECT_EQ(table.overall.cells, 4u);
  EXPECT_EQ(table.overall.nmae_cells, 3u);
  EXPECT_EQ(table.cell(1, 0).figures.smape, 0.25);
  EXPECT_EQ(record->LastEvaluation("valid"), nullptr);
}

}  // namespace
}  // namespace caravan::launch
