#include "worker/block_order.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/block_reports.h"

namespace caravan::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Tell {
  std::string operator()(const BlockOrder::AskLease&) const { return "lease"; }
  std::string operator()(const BlockOrder::AskMark&) const { return "mark"; }
  std::string operator()(const BlockOrder::ReadBatch& read) const {
    return fmt::format("read {}", read.number);
  }
  std::string operator()(const BlockOrder::AskPhase& ask) const {
    return fmt::format("phase {}", ask.phase);
  }
  std::string operator()(const BlockOrder::PullBatch& pull) const {
    return fmt::format("pull {}", pull.number);
  }
  std::string operator()(const BlockOrder::EndBlock& end) const {
    return fmt::format("end {}", end.lease->lease);
  }
  std::string operator()(const BlockOrder::WakeAt& wake) const {
    return fmt::format("wake at {}", wake.time.count());
  }
  std::string operator()(const BlockOrder::Leave& leave) const {
    return leave.status.ok() ? "leave" : fmt::format("leave: {}", leave.status.ToString());
  }
};

// Two blocks of train, of 3 batches and of 1; one of valid.
conf::RunSpec RunOf(conf::Consistency consistency) {
  conf::RunSpec run;
  run.mutable_job()->mutable_training()->set_consistency(consistency);
  run.mutable_block_plan()->set_batch_size(10);
  run.mutable_block_plan()->set_block_batches(3);
  for (const char* name : {"train", "valid"}) {
    conf::SplitSchema& split = *run.mutable_schema()->add_splits();
    split.set_name(name);
    split.add_files()->set_samples(name[0] == 't' ? 35 : 20);
  }
  return run;
}

class BlockOrderTest : public ::testing::Test {
 protected:
  std::vector<std::string> Step(const BlockOrder::Event& event, Millis now = Millis{0}) {
    std::vector<std::string> told;
    for (const BlockOrder::Action& action : order_->Step(event, now)) {
      told.push_back(std::visit(Tell{}, action));
    }
    return told;
  }
  static BlockOrder::LeaseAnswered Lease(net::LeaseReply::Kind kind, uint32_t block = 0) {
    BlockOrder::LeaseAnswered answer;
    answer.reply.set_code(net::OK);
    answer.reply.mutable_lease()->set_kind(kind);
    answer.reply.mutable_lease()->set_block(block);
    answer.reply.mutable_lease()->set_lease(100 + block);
    answer.reply.mutable_lease()->set_wait_ms(70);
    if (kind == net::LeaseReply::EVALUATE) answer.reply.mutable_lease()->set_split("valid");
    return answer;
  }
  void Use(const conf::RunSpec& run) {
    run_ = run;
    order_ = std::make_unique<BlockOrder>(&run_);
    EXPECT_THAT(Step(BlockOrder::TimePassed{}), ElementsAre("lease"));
  }

  conf::RunSpec run_;
  std::unique_ptr<BlockOrder> order_;
};

TEST_F(BlockOrderTest, ABlockIsTakenUpAtItsMark) {
  Use(RunOf(conf::ASYNC));
  EXPECT_THAT(Step(Lease(net::LeaseReply::TRAIN)), ElementsAre("mark"));
  EXPECT_THAT(Step(BlockOrder::MarkFound{1}), ElementsAre("read 1"));
  EXPECT_THAT(Step(BlockOrder::BatchRead{}), ElementsAre("pull 1"));
  EXPECT_THAT(Step(BlockOrder::BatchPulled{}), ElementsAre("read 2"));
  EXPECT_THAT(Step(BlockOrder::BatchRead{}), ElementsAre("pull 2"));
  EXPECT_THAT(Step(BlockOrder::BatchPulled{}), ElementsAre("end 100", "lease"));
}

TEST_F(BlockOrderTest, ABlockThatAllHaveEndsAtOnce) {
  Use(RunOf(conf::ASYNC));
  Step(Lease(net::LeaseReply::TRAIN, 1));
  EXPECT_THAT(Step(BlockOrder::MarkFound{1}), ElementsAre("end 101", "lease"));
}

TEST_F(BlockOrderTest, ABlockIsEvaluatedWholeAndWithoutPhases) {
  Use(RunOf(conf::SYNC));
  EXPECT_THAT(Step(Lease(net::LeaseReply::EVALUATE)), ElementsAre("read 0"));
  EXPECT_THAT(Step(BlockOrder::BatchRead{}), ElementsAre("pull 0"));
  EXPECT_THAT(Step(BlockOrder::BatchPulled{}), ElementsAre("read 1"));
}

TEST_F(BlockOrderTest, APhaseIsAskedForUntilItIsItsTime) {
  Use(RunOf(conf::BOUNDED));
  Step(Lease(net::LeaseReply::TRAIN));
  Step(BlockOrder::MarkFound{0});
  EXPECT_THAT(Step(BlockOrder::BatchRead{}), ElementsAre("phase 0"));
  BlockOrder::PhaseAnswered answer;
  answer.reply.set_code(net::OK);
  answer.reply.mutable_phase()->set_go(false);
  EXPECT_THAT(Step(answer, Millis{100}), ElementsAre("wake at 102"));
  EXPECT_THAT(Step(BlockOrder::TimePassed{}, Millis{102}), ElementsAre("phase 0"));
  EXPECT_THAT(Step(answer, Millis{110}), ElementsAre("wake at 114"));
  EXPECT_THAT(Step(BlockOrder::TimePassed{}, Millis{114}), ElementsAre("phase 0"));
  answer.reply.mutable_phase()->set_go(true);
  EXPECT_THAT(Step(answer, Millis{115}), ElementsAre("pull 0"));
  EXPECT_THAT(Step(BlockOrder::BatchPulled{}), ElementsAre("read 1"));
  EXPECT_THAT(Step(BlockOrder::BatchRead{}), ElementsAre("phase 1"));
}

TEST_F(BlockOrderTest, WaitsAndLeavesAsItIsTold) {
  Use(RunOf(conf::ASYNC));
  EXPECT_THAT(Step(Lease(net::LeaseReply::WAIT), Millis{5}), ElementsAre("wake at 75"));
  EXPECT_THAT(Step(BlockOrder::TimePassed{}), ElementsAre("lease"));
  EXPECT_THAT(Step(Lease(net::LeaseReply::DONE)), ElementsAre("leave"));
}

TEST_F(BlockOrderTest, AWorkerTakenForDeadJoinsAnew) {
  Use(RunOf(conf::ASYNC));
  BlockOrder::LeaseAnswered answer;
  answer.reply.set_code(net::NOT_A_MEMBER);
  const std::vector<BlockOrder::Action> actions = order_->Step(answer, Millis{0});
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_TRUE(absl::IsAborted(std::get<BlockOrder::Leave>(actions[0]).status));
}

TEST_F(BlockOrderTest, ABlockThatIsNotThereIsAnError) {
  Use(RunOf(conf::ASYNC));
  EXPECT_THAT(Step(Lease(net::LeaseReply::TRAIN, 2)),
              ElementsAre("leave: INTERNAL: the scheduler leased block 2 of train, which has 2"));
}

TEST(BlockReportsTest, ABlockIsReportedOnceItsLastPushIsAcknowledged) {
  BlockReports reports(9);
  auto lease = std::make_shared<BlockLease>();
  lease->lease = 5;
  lease->block = 3;
  lease->begun_routing_epoch = 2;
  reports.End(lease, 4, {});
  reports.End(lease, 6, {});
  EXPECT_THAT(reports.TakeReports(3), IsEmpty());
  const std::vector<BlockReports::Report> first = reports.TakeReports(5);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].header.block_done().lease(), 5U);
  EXPECT_EQ(first[0].header.block_done().incarnation(), 9U);
  EXPECT_EQ(first[0].header.block_done().begun_routing_epoch(), 2U);
  EXPECT_EQ(reports.TakeReports(6).size(), 1U);
  EXPECT_THAT(reports.TakeReports(6), IsEmpty());
}

}  // namespace
}  // namespace caravan::worker
