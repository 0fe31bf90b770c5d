#include "worker/turn_gate.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <glog/logging.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status_macros.h"

namespace caravan::worker {
namespace {

// Who waited long last time shares the turns with many, of whom one soon finds a free turn: it asks
// less often, so that all of them together ask every millisecond or so.
constexpr absl::Duration kPauseMin = absl::Milliseconds(4);
constexpr absl::Duration kPauseMax = absl::Milliseconds(25);
constexpr int kAsksInAWait = 40;
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
  if (lock_ >= 0) flock(lock_, LOCK_UN);
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
  if (lock >= 0) flock(lock, LOCK_UN);
  return gate;
}

TurnGate::TurnGate(std::string directory, uint32_t slots, uint64_t seed, const Clock* clock)
    : directory_(std::move(directory)),
      slots_(slots),
      first_slot_(static_cast<uint32_t>(seed % slots)),
      random_(seed),
      pause_(kPauseMin),
      clock_(clock != nullptr ? *clock : machine_clock_) {}

uint32_t TurnGate::Slots(uint32_t configured) {
  return configured != 0 ? configured : std::thread::hardware_concurrency() + 1;
}

absl::StatusOr<int> TurnGate::TryLock() {
  for (uint32_t i = 0; i < slots_; ++i) {
    if (i == files_.size()) {
      const std::string path = fmt::format("{}/turn-{}", directory_, (first_slot_ + i) % slots_);
      FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
      if (file.get() < 0) return absl::ErrnoToStatus(errno, fmt::format("cannot open {}", path));
      files_.push_back(std::move(file));
    }
    if (flock(files_[i].get(), LOCK_EX | LOCK_NB) == 0) return files_[i].get();
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return absl::ErrnoToStatus(errno, fmt::format("cannot lock a file in {}", directory_));
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
  const absl::Time begun = absl::Now();
  bool rested = false;
  while (absl::Now() - begun < kPatience) {
    if (rested && !held_) {
      CARAVAN_ASSIGN_OR_RETURN(const int lock, TryLock());
      if (lock >= 0) {
        held_ = true;
        pause_ = std::clamp((absl::Now() - begun) / kAsksInAWait, kPauseMin, kPauseMax);
        return Turn(this, lock);
      }
    }
    rested = !held_;
    if (interrupt.WaitFor(pause_ * (1 + random_.NextUniform()))) {
      return absl::CancelledError("the worker was told to leave");
    }
  }
  LOG(WARNING) << fmt::format("no turn of {} in {} for {}: goes on without", slots_, directory_,
                              absl::FormatDuration(kPatience));
  held_ = true;
  return Turn(this, -1);
}

}  // namespace caravan::worker
