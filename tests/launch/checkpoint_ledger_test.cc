#include "launch/checkpoint/checkpoint_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caravan::launch {
namespace {

using ::testing::HasSubstr;

ps::CheckpointSummary Summary(uint32_t epoch, bool finished) {
  ps::CheckpointSummary summary;
  summary.manifest.mutable_queue()->set_epoch(epoch);
  summary.manifest.mutable_queue()->set_finished(finished);
  return summary;
}

TEST(CheckpointLedgerTest, EachFinishedEpochIsWholeAndNoneIsMore) {
  ps::CheckpointSummary summary = Summary(1, false);
  summary.samples[0] = {100, 100};
  summary.samples[1] = {40, 60};
  EXPECT_TRUE(CheckLedger(summary, 100).ok());
  summary.samples[1] = {40, 101};
  EXPECT_THAT(std::string(CheckLedger(summary, 100).message()), HasSubstr("epoch 1"));
  summary.samples[1] = {40, 60};
  for (const ps::ShardRange wrong : {ps::ShardRange{99, 100}, ps::ShardRange{100, 101}}) {
    summary.samples[0] = wrong;
    EXPECT_EQ(CheckLedger(summary, 100).code(), absl::StatusCode::kDataLoss);
  }
}

TEST(CheckpointLedgerTest, AnEpochThatLeftNoTraceIsMissed) {
  EXPECT_THAT(std::string(CheckLedger(Summary(1, false), 100).message()),
              HasSubstr("0 to 0 samples, each must have applied 100"));
  ps::CheckpointSummary summary = Summary(0, true);
  EXPECT_FALSE(CheckLedger(summary, 100).ok());
  summary.samples[0] = {100, 100};
  EXPECT_TRUE(CheckLedger(summary, 100).ok());
}

}  // namespace
}  // namespace caravan::launch
