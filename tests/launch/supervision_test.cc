#include "launch/supervision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

namespace caravan::launch {
namespace {

using ::testing::HasSubstr;
using Kind = Verdict::Kind;

constexpr ExitOfProcess kDone{};
constexpr ExitOfProcess kKilled{.signal = SIGKILL};
constexpr ExitOfProcess kFailed{.code = 1};
constexpr ExitOfProcess kWrongInput{.code = 2};

TEST(SupervisionTest, AKilledWorkerIsStartedAnew) {
  Supervisor supervisor(40);
  const Verdict verdict =
      supervisor.OnExit(RoleKind::kWorker, 3, kKilled, "training", "x", Millis{0});
  EXPECT_EQ(verdict.kind, Kind::kRestart);
  EXPECT_THAT(verdict.text, HasSubstr("worker 3 ended by signal 9 (Killed); started anew"));
  EXPECT_EQ(supervisor.OnExit(RoleKind::kWorker, 3, kFailed, "training", "x", Millis{0}).kind,
            Kind::kRestart);
}

TEST(SupervisionTest, RestartsAreBoundedInTime) {
  Supervisor supervisor(2);
  const auto exit = [&](Millis now) {
    return supervisor.OnExit(RoleKind::kWorker, 1, kKilled, "training", "", now);
  };
  for (int i = 0; i < 8; ++i) EXPECT_EQ(exit(Millis{i}).kind, Kind::kRestart);
  EXPECT_EQ(exit(Millis{9}).kind, Kind::kFail);
  EXPECT_THAT(exit(Millis{9}).text, HasSubstr("8 times in 60 s"));
  EXPECT_EQ(exit(kRestartWindow).kind, Kind::kRestart);
}

TEST(SupervisionTest, WrongInputIsNotTriedAgain) {
  Supervisor supervisor(40);
  const Verdict verdict =
      supervisor.OnExit(RoleKind::kWorker, 0, kWrongInput, "joining", "no such file", Millis{0});
  EXPECT_EQ(verdict.kind, Kind::kFail);
  EXPECT_THAT(verdict.text, HasSubstr("(\"no such file\")"));
}

TEST(SupervisionTest, AWorkerThatLeavesIsMissedLater) {
  Supervisor supervisor(40);
  EXPECT_EQ(supervisor.OnExit(RoleKind::kWorker, 0, kDone, "training", "", Millis{0}).kind,
            Kind::kRestartLater);
  for (const char* phase : {"stopping", "finished", "failed"}) {
    for (const ExitOfProcess& exit : {kDone, kKilled, kFailed}) {
      EXPECT_EQ(supervisor.OnExit(RoleKind::kWorker, 0, exit, phase, "", Millis{0}).kind,
                Kind::kIgnore);
    }
  }
}

TEST(SupervisionTest, WithoutServerOrSchedulerTheRunFails) {
  Supervisor supervisor(40);
  const Verdict server =
      supervisor.OnExit(RoleKind::kServer, 2, kKilled, "training", "", Millis{0});
  EXPECT_EQ(server.kind, Kind::kFail);
  EXPECT_THAT(server.text, HasSubstr("server 2 ended by signal 9 (Killed)"));
  EXPECT_THAT(server.text, HasSubstr("--resume"));
  EXPECT_EQ(supervisor.OnExit(RoleKind::kServer, 2, kDone, "training", "", Millis{0}).kind,
            Kind::kFailLater);
  EXPECT_EQ(supervisor.OnExit(RoleKind::kServer, 2, kDone, "finished", "", Millis{0}).kind,
            Kind::kIgnore);
  EXPECT_EQ(supervisor.OnExit(RoleKind::kScheduler, 0, kFailed, "failed", "ledger", Millis{0}).kind,
            Kind::kFail);
  EXPECT_EQ(supervisor.OnExit(RoleKind::kScheduler, 0, kDone, "training", "", Millis{0}).kind,
            Kind::kIgnore);
}

}  // namespace
}  // namespace caravan::launch
