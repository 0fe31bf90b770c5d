#include "worker/turn_gate.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "base/file.h"

namespace caravan::worker {
namespace {

using ::testing::HasSubstr;

class TurnGateTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/turns-" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    ASSERT_TRUE(CreateDirectories(directory_).ok());
  }
  std::unique_ptr<TurnGate> OpenGate(uint32_t slots, uint64_t seed) {
    auto gate = TurnGate::Open(directory_, slots, seed);
    EXPECT_TRUE(gate.ok()) << gate.status();
    return *std::move(gate);
  }

  std::string directory_;
  Interrupt interrupt_;
};

TEST_F(TurnGateTest, NoMoreWorkersThanSlotsHaveATurnAndAllGetTheirs) {
  constexpr uint32_t kSlots = 2;
  constexpr int kTurnsEach = 5;
  std::atomic<int> holding = 0;
  std::atomic<int> most = 0;
  std::atomic<int> taken = 0;
  {
    std::vector<std::jthread> workers;
    for (uint64_t seed = 0; seed < 6; ++seed) {
      workers.emplace_back([&, seed] {
        const std::unique_ptr<TurnGate> gate = OpenGate(kSlots, seed);
        for (int i = 0; i < kTurnsEach; ++i) {
          absl::StatusOr<Turn> turn = gate->Take(interrupt_);
          ASSERT_TRUE(turn.ok()) << turn.status();
          const int now = ++holding;
          for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
          }
          std::this_thread::yield();
          ++taken;
          --holding;
        }
      });
    }
  }
  EXPECT_EQ(taken, 6 * kTurnsEach);
  EXPECT_LE(most, static_cast<int>(kSlots));
}

TEST_F(TurnGateTest, AWorkerHasOneTurnAtATime) {
  const std::unique_ptr<TurnGate> gate = OpenGate(/*slots=*/4, /*seed=*/1);
  absl::StatusOr<Turn> first = gate->Take(interrupt_);
  ASSERT_TRUE(first.ok() && first->held());
  std::atomic<bool> second_taken = false;
  std::atomic<bool> released = false;
  std::jthread other([&] {
    absl::StatusOr<Turn> second = gate->Take(interrupt_);
    EXPECT_TRUE(second.ok());
    EXPECT_TRUE(released) << "a second turn was given while the first was held";
    second_taken = true;
  });
  EXPECT_FALSE(interrupt_.WaitFor(absl::Milliseconds(50)));
  EXPECT_FALSE(second_taken);
  released = true;
  *first = Turn();
  other.join();
  EXPECT_TRUE(second_taken);
}

TEST_F(TurnGateTest, OnlySlotsThatWereAskedForHaveFiles) {
  const std::unique_ptr<TurnGate> first = OpenGate(/*slots=*/10000, /*seed=*/7);
  const std::unique_ptr<TurnGate> second = OpenGate(/*slots=*/10000, /*seed=*/7);
  for (int i = 0; i < 3; ++i) {
    absl::StatusOr<Turn> one = first->Take(interrupt_);
    absl::StatusOr<Turn> other = second->Take(interrupt_);
    EXPECT_TRUE(one.ok() && one->held() && other.ok() && other->held());
  }
  const std::filesystem::directory_iterator files(directory_);
  EXPECT_EQ(std::distance(begin(files), end(files)), 2);
}

TEST_F(TurnGateTest, AWaiterLeavesWhenItIsInterrupted) {
  const std::unique_ptr<TurnGate> holder = OpenGate(1, 1);
  const std::unique_ptr<TurnGate> waiter = OpenGate(1, 2);
  absl::StatusOr<Turn> turn = holder->Take(interrupt_);
  ASSERT_TRUE(turn.ok());
  Interrupt leave;
  std::jthread waiting(
      [&] { EXPECT_EQ(waiter->Take(leave).status().code(), absl::StatusCode::kCancelled); });
  leave.Set();
}

// May be read by one thread while another sets it.
class SharedClock final : public Clock {
 public:
  Millis Now() const override { return now_.load(); }
  void Set(Millis now) { now_ = now; }

 private:
  std::atomic<Millis> now_{Millis{0}};
};

TEST_F(TurnGateTest, AWaitOfSecondsIsSaid) {
  SharedClock clock;
  const std::unique_ptr<TurnGate> holder = OpenGate(1, 1);
  const std::unique_ptr<TurnGate> waiter = *TurnGate::Open(directory_, 1, 2, &clock);
  absl::StatusOr<Turn> turn = holder->Take(interrupt_);
  ASSERT_TRUE(turn.ok());
  EXPECT_EQ(waiter->Waiting(), "");
  std::jthread waiting([&] { EXPECT_TRUE(waiter->Take(interrupt_).ok()); });
  // From whatever moment the waiter counts, 6 s are soon over.
  Millis now{0};
  while (waiter->Waiting().empty()) {
    clock.Set(now += Millis{6000});
    std::this_thread::yield();
  }
  EXPECT_THAT(waiter->Waiting(), HasSubstr("a turn at the processors for "));
  *turn = Turn();
  waiting.join();
  EXPECT_EQ(waiter->Waiting(), "");
}

TEST_F(TurnGateTest, TheTurnOfAKilledWorkerIsFree) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {  // holds the only turn until it is killed; nothing but system calls here
    const int file = open((directory_ + "/turn-0").c_str(), O_RDWR | O_CREAT, 0600);
    if (flock(file, LOCK_EX | LOCK_NB) == 0 && write(ready[1], "x", 1) == 1) pause();
    _exit(1);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const std::unique_ptr<TurnGate> gate = OpenGate(1, 1);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  absl::StatusOr<Turn> turn = gate->Take(interrupt_);
  ASSERT_TRUE(turn.ok()) << turn.status();
  EXPECT_TRUE(turn->held());
  close(ready[0]);
  close(ready[1]);
}

TEST_F(TurnGateTest, ErrorsNameTheFolder) {
  const auto missing = TurnGate::Open(directory_ + "/missing", 1, 1);
  EXPECT_THAT(missing.status().ToString(), HasSubstr("missing"));
  EXPECT_EQ(TurnGate::Open(directory_, 0, 1).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace caravan::worker
