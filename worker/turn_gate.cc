#include "worker/turn_gate.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <glog/logging.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status_macros.h"

namespace caravan::worker {
namespace {

// With dozens of workers asking every few milliseconds, a free turn is soon taken.
constexpr absl::Duration kPauseMin = absl::Milliseconds(4);
constexpr absl::Duration kPauseSpread = absl::Milliseconds(4);
constexpr absl::Duration kPatience = absl::Seconds(30);

}  // namespace

Turn::Turn(Turn&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)), lock_(std::exchange(other.lock_, -1)) {}

Turn& Turn::operator=(Turn&& other) noexcept {
  if (this == &other) return *this;
  Release();
  gate_ = std::exchange(other.gate_, nullptr);
  lock_ = std::exchange(other.lock_, -1);
  return *this;
}

void Turn::Release() {
  if (gate_ == nullptr) return;
  if (lock_ >= 0) close(lock_);
  gate_->held_ = false;
  gate_ = nullptr;
  lock_ = -1;
}

absl::StatusOr<std::unique_ptr<TurnGate>> TurnGate::Open(const std::string& directory,
                                                         uint32_t slots, uint64_t seed,
                                                         const Clock* clock) {
  if (slots == 0) return absl::InvalidArgumentError("turns: at least one is needed");
  std::unique_ptr<TurnGate> gate(new TurnGate(directory, slots, seed, clock));
  CARAVAN_ASSIGN_OR_RETURN(const int lock, gate->TryLock());
  if (lock >= 0) close(lock);
  return gate;
}

uint32_t TurnGate::Slots(uint32_t configured) {
  return configured != 0 ? configured : std::thread::hardware_concurrency() + 1;
}

absl::StatusOr<int> TurnGate::TryLock() {
  const uint64_t first = random_.NextBelow(slots_);
  for (uint32_t i = 0; i < slots_; ++i) {
    const std::string path = fmt::format("{}/turn-{}", directory_, (first + i) % slots_);
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return absl::ErrnoToStatus(errno, fmt::format("cannot open {}", path));
    if (flock(file, LOCK_EX | LOCK_NB) == 0) return file;
    const int error = errno;
    close(file);
    if (error != EWOULDBLOCK && error != EINTR) {
      return absl::ErrnoToStatus(error, fmt::format("cannot lock {}", path));
    }
  }
  return -1;
}

absl::StatusOr<Turn> TurnGate::Take(const Interrupt& interrupt) {
  waits_since_ = clock_.Now().count();
  absl::StatusOr<Turn> turn = AwaitTurn(interrupt);
  waits_since_ = kWaitsNot;
  return turn;
}

std::string TurnGate::Waiting() const {
  const int64_t since = waits_since_;
  if (since == kWaitsNot) return "";
  const Millis waited = clock_.Now() - Millis{since};
  if (waited < kWorthTelling) return "";
  return fmt::format("a turn at the processors for {:.1f} s",
                     static_cast<double>(waited.count()) / 1000);
}

absl::StatusOr<Turn> TurnGate::AwaitTurn(const Interrupt& interrupt) {
  const absl::Time patience_ends = absl::Now() + kPatience;
  bool rested = false;
  while (absl::Now() < patience_ends) {
    if (rested && !held_) {
      CARAVAN_ASSIGN_OR_RETURN(const int lock, TryLock());
      if (lock >= 0) {
        held_ = true;
        return Turn(this, lock);
      }
    }
    rested = !held_;
    if (interrupt.WaitFor(kPauseMin + random_.NextUniform() * kPauseSpread)) {
      return absl::CancelledError("the worker was told to leave");
    }
  }
  LOG(WARNING) << fmt::format("no turn of {} in {} for {}: goes on without", slots_, directory_,
                              absl::FormatDuration(kPatience));
  held_ = true;
  return Turn(this, -1);
}

}  // namespace caravan::worker
