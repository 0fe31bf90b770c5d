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
constexpr ExitOfProcess kCrashed{.signal = SIGSEGV};
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
    return supervisor.OnExit(RoleKind::kWorker, 1, kCrashed, "training", "", now);
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

TEST(SupervisionTest, AKilledServerOrSchedulerIsStartedAnew) {
  Supervisor supervisor(40);
  for (const RoleKind kind : {RoleKind::kServer, RoleKind::kScheduler}) {
    supervisor.OnStart(kind, 2, Millis{0});
    const Verdict verdict = supervisor.OnExit(kind, 2, kKilled, "training", "", kDiedAtOnce);
    EXPECT_EQ(verdict.kind, Kind::kRestart);
    EXPECT_EQ(verdict.delay, Millis{0});
    EXPECT_THAT(verdict.text, HasSubstr("ended by signal 9 (Killed); started anew"));
  }
}

TEST(SupervisionTest, AServerThatAlwaysDiesAtOnceIsGivenUp) {
  Supervisor supervisor(40);
  Millis now{0};
  Millis delay{0};
  for (uint32_t death = 1; death < kDeathsAtOnceMax; ++death) {
    supervisor.OnStart(RoleKind::kServer, 2, now);
    now += Millis{1000};
    const Verdict verdict = supervisor.OnExit(RoleKind::kServer, 2, kCrashed, "training", "", now);
    EXPECT_EQ(verdict.kind, Kind::kRestart);
    EXPECT_GE(verdict.delay, delay);
    delay = verdict.delay;
    now += delay;
  }
  EXPECT_GE(delay, Millis{1000});
  supervisor.OnStart(RoleKind::kServer, 2, now);
  const Verdict last = supervisor.OnExit(RoleKind::kServer, 2, kCrashed, "training", "full", now);
  EXPECT_EQ(last.kind, Kind::kFail);
  EXPECT_THAT(last.text, HasSubstr("died 8 times in a row"));
  EXPECT_THAT(last.text, HasSubstr("--resume"));
  // Another one that dies for the first time is no worse for it.
  EXPECT_EQ(supervisor.OnExit(RoleKind::kServer, 3, kCrashed, "training", "", now).kind,
            Kind::kRestart);
}

TEST(SupervisionTest, WhoIsKilledIsNeverGivenUp) {
  Supervisor supervisor(2);
  for (const RoleKind kind : {RoleKind::kServer, RoleKind::kScheduler, RoleKind::kWorker}) {
    Millis now{0};
    for (uint32_t death = 1; death < 100; ++death) {
      supervisor.OnStart(kind, 0, now += Millis{500});
      const Verdict verdict = supervisor.OnExit(kind, 0, kKilled, "training", "", now);
      EXPECT_EQ(verdict.kind, Kind::kRestart);
      EXPECT_EQ(verdict.delay, death < kDeathsAtOnceMax ? Millis{0} : kWaitForTheKilled);
    }
  }
}

TEST(SupervisionTest, AServerThatLivedForAWhileBeginsAnew) {
  Supervisor supervisor(40);
  Millis now{0};
  for (int death = 0; death < 100; ++death) {
    supervisor.OnStart(RoleKind::kServer, 2, now);
    now += death % 4 == 0 ? kDiedAtOnce : Millis{1};
    EXPECT_EQ(supervisor.OnExit(RoleKind::kServer, 2, kCrashed, "training", "", now).kind,
              Kind::kRestart);
  }
}

TEST(SupervisionTest, WhatASchedulerDecidesItselfStands) {
  Supervisor supervisor(40);
  EXPECT_EQ(supervisor.OnExit(RoleKind::kScheduler, 0, kFailed, "failed", "ledger", Millis{0}).kind,
            Kind::kFail);
  EXPECT_EQ(supervisor.OnExit(RoleKind::kScheduler, 0, kDone, "training", "", Millis{0}).kind,
            Kind::kIgnore);
}

TEST(SupervisionTest, AServerThatLeavesIsMissedLater) {
  Supervisor supervisor(40);
  EXPECT_EQ(supervisor.OnExit(RoleKind::kServer, 2, kDone, "training", "", Millis{0}).kind,
            Kind::kRestartLater);
  EXPECT_EQ(supervisor.OnExit(RoleKind::kServer, 2, kDone, "finished", "", Millis{0}).kind,
            Kind::kIgnore);
  EXPECT_EQ(supervisor.OnExit(RoleKind::kServer, 2, kWrongInput, "joining", "", Millis{0}).kind,
            Kind::kFail);
}

}  // namespace
}  // namespace caravan::launch
