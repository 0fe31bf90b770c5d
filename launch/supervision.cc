#include "launch/supervision.h"

#include <fmt/format.h>

#include <csignal>

namespace caravan::launch {
namespace {

// The exit code for a wrong input: starting again would end the same way.
constexpr int kInputWasWrong = 2;

bool IsEnding(std::string_view phase) {
  return phase == "stopping" || phase == "finished" || phase == "failed";
}

Verdict RestartKilled(const std::string& what, uint32_t deaths_at_once) {
  return {Verdict::Kind::kRestart, what + "; started anew",
          deaths_at_once < kDeathsAtOnceMax ? Millis{0} : kWaitForTheKilled};
}

}  // namespace

std::string_view RoleName(RoleKind kind) {
  switch (kind) {
    case RoleKind::kScheduler:
      return "scheduler";
    case RoleKind::kServer:
      return "server";
    case RoleKind::kWorker:
      return "worker";
  }
  return "";
}

Verdict Supervisor::OnExit(RoleKind kind, uint32_t number, const ExitOfProcess& exit,
                           std::string_view phase, const std::string& last_words, Millis now) {
  std::string what =
      kind == RoleKind::kScheduler ? "the scheduler" : fmt::format("{} {}", RoleName(kind), number);
  what += fmt::format(" ended by {}", exit.Text());
  if (exit.code != 0 && !last_words.empty()) what += fmt::format(" (\"{}\")", last_words);
  switch (kind) {
    case RoleKind::kScheduler:
      if (exit.ok()) return {};
      // What it decided itself, it would decide again.
      if (exit.signal == 0) return {Verdict::Kind::kFail, what};
      return RestartOrGiveUp(kind, number, what, exit, now);
    case RoleKind::kServer:
      if (IsEnding(phase)) return {};
      if (exit.ok())
        return {Verdict::Kind::kRestartLater, what + " before the run's end; started anew"};
      if (exit.code == kInputWasWrong) return {Verdict::Kind::kFail, what};
      return RestartOrGiveUp(kind, number, what, exit, now);
    case RoleKind::kWorker:
      if (IsEnding(phase)) return {};
      return OnWorkerExit(number, what, exit, now);
  }
  return {};
}

Verdict Supervisor::OnWorkerExit(uint32_t number, const std::string& what,
                                 const ExitOfProcess& exit, Millis now) {
  if (exit.ok())
    return {Verdict::Kind::kRestartLater, what + " before the run's end; started anew"};
  if (exit.code == kInputWasWrong) return {Verdict::Kind::kFail, what};
  const uint32_t deaths = CountDeathAtOnce(RoleKind::kWorker, number, now);
  if (exit.signal == SIGKILL) return RestartKilled(what, deaths);
  if (deaths == 0 || TakeRestart(now)) return {Verdict::Kind::kRestart, what + "; started anew"};
  return {Verdict::Kind::kFail,
          fmt::format("{}; workers were started anew {} times in {} s, which does not help", what,
                      restarts_max_, kRestartWindow.count() / 1000)};
}

void Supervisor::OnStart(RoleKind kind, uint32_t number, Millis now) {
  lives_[{kind, number}].started = now;
}

uint32_t Supervisor::CountDeathAtOnce(RoleKind kind, uint32_t number, Millis now) {
  Life& life = lives_[{kind, number}];
  life.deaths_at_once = now - life.started < kDiedAtOnce ? life.deaths_at_once + 1 : 0;
  return life.deaths_at_once;
}

Verdict Supervisor::RestartOrGiveUp(RoleKind kind, uint32_t number, const std::string& what,
                                    const ExitOfProcess& exit, Millis now) {
  const uint32_t deaths = CountDeathAtOnce(kind, number, now);
  if (exit.signal == SIGKILL) return RestartKilled(what, deaths);
  if (deaths >= kDeathsAtOnceMax) {
    return {
        Verdict::Kind::kFail,
        fmt::format("{}; it died {} times in a row within {} s of its start; once that is mended "
                    "go on from the last checkpoint by `caravan train --resume`",
                    what, deaths, kDiedAtOnce.count() / 1000)};
  }
  const Millis delay = deaths < 2 ? Millis{0} : Millis{125 << deaths};
  return {Verdict::Kind::kRestart, what + "; started anew", delay};
}

bool Supervisor::TakeRestart(Millis now) {
  while (!restarts_.empty() && now - restarts_.front() >= kRestartWindow) restarts_.pop_front();
  if (restarts_.size() >= restarts_max_) return false;
  restarts_.push_back(now);
  return true;
}

}  // namespace caravan::launch
