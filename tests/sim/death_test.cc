// A lane that dies at every single operation of its disk, in turn: while it serves, while it comes
// back from a kill, and while it comes back from a loss of power, with room or without. Who comes
// after it has all that was acknowledged.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/ps/lane_fixture.h"
#include "tests/sim/disk.h"

namespace caravan::sim {
namespace {

constexpr uint32_t kPushes = 8;
constexpr uint64_t kOperationsMax = 400;  // of anything below
constexpr uint64_t kScarceDeaths = 60;

class DeathTest : public ::testing::Test {
 protected:
  DeathTest() { spec_.mutable_job()->mutable_cluster()->set_durability(conf::POWER_LOSS); }

  ps::Lane::Options OptionsOn(DiskOfProcess& process) const {
    return {.run_id = ps::kRunId,
            .data_directory = "/lane",
            .file_system = &process,
            .record_stores = &process};
  }
  // Sends the pushes that are missing; how many were acknowledged in all.
  static uint32_t Train(const conf::RunSpec& spec, std::unique_ptr<ps::Lane> lane, uint32_t first,
                        const DiskOfProcess& process) {
    ps::Lanes lanes(spec, std::move(lane));
    for (uint32_t push = first; push < kPushes; ++push) {
      const ps::Lanes::Keys keys = {{push, push + 10, 40}, {7, push + 8}};
      const net::Message request = lanes.PushMessage(0, keys, ps::Tag(0, 0, push));
      std::optional<net::Message> answer = lanes.lane(0).Handle(request, push);
      // A lane that does not know what its disk has ends without a word.
      while (!answer.has_value() && lanes.lane(0).failure().ok()) {
        for (ps::Lane::LateAnswer& late : lanes.lane(0).Work()) answer = std::move(late.message);
      }
      if (!answer.has_value() || process.is_dead()) return push;
      if (ps::ReplyOf(*answer).code() != net::OK) return push;
    }
    return kPushes;
  }
  static uint32_t MarkOf(ps::Lane& lane) {
    net::Header header = ps::RunHeader();
    header.mutable_mark_query()->set_epoch(0);
    header.mutable_mark_query()->set_block(0);
    return ps::ReplyOf(lane.HandleNow(net::MakeMessage(header))).mark().mark();
  }
  // What a lane that comes back on the disk has.
  uint32_t Recovered(Disk& disk) const {
    DiskOfProcess process(&disk);
    const auto lane = ps::Lane::Recover(spec_, OptionsOn(process));
    EXPECT_TRUE(lane.ok()) << lane.status();
    return lane.ok() ? MarkOf(**lane) : 0;
  }

  conf::RunSpec spec_ = ps::SmallSpec();
};

TEST_F(DeathTest, WhileItServes) {
  for (const bool power_is_lost : {false, true}) {
    for (uint64_t death = 0; death < kOperationsMax; ++death) {
      SCOPED_TRACE(fmt::format("operation {}", death));
      Disk disk{RandomStream(death)};
      uint32_t acknowledged = 0;
      bool has_died = false;
      {
        DiskOfProcess process(&disk);
        auto lane = ps::Lane::Create(spec_, OptionsOn(process));
        ASSERT_TRUE(lane.ok()) << lane.status();
        process.DieAfter(death);
        acknowledged = Train(spec_, *std::move(lane), 0, process);
        has_died = process.is_dead();
      }
      if (power_is_lost) disk.LosePower();
      ASSERT_GE(Recovered(disk), acknowledged);
      if (!has_died) break;
      ASSERT_LT(death + 1, kOperationsMax);
    }
  }
}

// It dies while it comes back, and once more meanwhile.
TEST_F(DeathTest, WhileItComesBack) {
  for (const bool power_is_lost : {false, true}) {
    for (const Disk::Room room : {Disk::Room::kEnough, Disk::Room::kScarce}) {
      for (uint64_t death = 0; death < kOperationsMax; ++death) {
        SCOPED_TRACE(fmt::format("operation {}", death));
        Disk disk{RandomStream(death)};
        {
          DiskOfProcess process(&disk);
          ASSERT_EQ(Train(spec_, *ps::Lane::Create(spec_, OptionsOn(process)), 0, process),
                    kPushes);
        }
        if (power_is_lost) disk.LosePower();
        bool has_died = false;
        for (int life = 0; life < 3; ++life) {
          disk.SetRoom(room);
          DiskOfProcess process(&disk);
          process.DieAfter(life == 0 ? death : death / 2);
          const auto lane = ps::Lane::Recover(spec_, OptionsOn(process));
          has_died = has_died || process.is_dead();
          if (lane.ok()) {
            ASSERT_EQ(MarkOf(**lane), kPushes);
          }
        }
        disk.SetRoom(Disk::Room::kEnough);
        ASSERT_EQ(Recovered(disk), kPushes);
        // Without room it may give up before it gets there.
        const bool is_over = room == Disk::Room::kEnough ? !has_died : death == kScarceDeaths;
        if (is_over) break;
        ASSERT_LT(death + 1, kOperationsMax);
      }
    }
  }
}

// A record that was appended and not synced when the process was killed is nobody's until the next
// process has synced it: what that one acknowledges stands behind it.
TEST_F(DeathTest, BetweenAppendAndSyncThenPowerIsLost) {
  for (uint64_t death = 0; death < kOperationsMax; ++death) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      SCOPED_TRACE(fmt::format("operation {} seed {}", death, seed));
      Disk disk{RandomStream(seed, death)};
      bool has_died = false;
      {
        DiskOfProcess process(&disk);
        auto lane = ps::Lane::Create(spec_, OptionsOn(process));
        ASSERT_TRUE(lane.ok()) << lane.status();
        process.DieAfter(death);
        Train(spec_, *std::move(lane), 0, process);
        has_died = process.is_dead();
      }
      {
        DiskOfProcess process(&disk);
        auto lane = ps::Lane::Recover(spec_, OptionsOn(process));
        ASSERT_TRUE(lane.ok()) << lane.status();
        const uint32_t mark = MarkOf(**lane);
        ASSERT_EQ(Train(spec_, *std::move(lane), mark, process), kPushes);
      }
      disk.LosePower();
      ASSERT_EQ(Recovered(disk), kPushes);
      if (!has_died) return;
    }
  }
  FAIL() << "it did not outlive " << kOperationsMax << " operations";
}

}  // namespace
}  // namespace caravan::sim
