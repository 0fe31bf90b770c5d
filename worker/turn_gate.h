// Turns at a machine's processors. Where more workers run on a machine than it has processors, all
// of them computing at once gains nothing and costs much: each batch takes as many times longer as
// there are workers a processor, and in that time the parameters it was pulled with grow stale. So
// workers of one machine take turns: one pulls, computes and pushes with its turn, then lets go.
//
// A turn is a lock (flock) on one of `slots` files in a folder the workers share; the system frees
// it when its holder dies.
#ifndef CARAVAN_WORKER_TURN_GATE_H_
#define CARAVAN_WORKER_TURN_GATE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/file_descriptor.h"
#include "base/random.h"
#include "worker/interrupt.h"

namespace caravan::worker {

class TurnGate;

// Held until it is destroyed or assigned over, by any thread. The gate outlives it.
class Turn {
 public:
  Turn() = default;
  ~Turn() { Release(); }
  Turn(Turn&& other) noexcept;
  Turn& operator=(Turn&& other) noexcept;

  bool held() const { return gate_ != nullptr; }

 private:
  friend class TurnGate;
  Turn(TurnGate* gate, int lock) : gate_(gate), lock_(lock) {}
  void Release();

  TurnGate* gate_ = nullptr;
  int lock_ = -1;  // descriptor of the locked file, of the gate; -1: goes without
};

// One a worker. Take is called by one thread.
class TurnGate {
 public:
  // `directory` exists and is shared by the workers of this machine that take turns. `seed`:
  // another one for each worker, so that they do not all ask at once. `clock`: for Waiting,
  // outlives the gate; null: the machine's.
  static absl::StatusOr<std::unique_ptr<TurnGate>> Open(const std::string& directory,
                                                        uint32_t slots, uint64_t seed,
                                                        const Clock* clock = nullptr);

  // Waits for a turn, for one that this worker still holds first: it has one at a time, and rests a
  // little between two, so that the others come in. After kPatience it goes on without one (the
  // holders may be stopped), and says so. CANCELLED when `interrupt` is set.
  absl::StatusOr<Turn> Take(const Interrupt& interrupt);

  // "a turn at the processors for 7.1 s"; empty: Take waits for less than 5 s, or not at all. May
  // be called by any thread.
  std::string Waiting() const;

  // Turns of a machine, by worker.turns of the job: 0 is one more than it has processors, so that
  // they are busy while a worker waits for the servers.
  static uint32_t Slots(uint32_t configured);

 private:
  static constexpr int64_t kWaitsNot = -1;

  friend class Turn;
  TurnGate(std::string directory, uint32_t slots, uint64_t seed, const Clock* clock);
  absl::StatusOr<Turn> AwaitTurn(const Interrupt& interrupt);
  // The descriptor of a file that is locked now, one of files_; -1 where all are taken.
  absl::StatusOr<int> TryLock();

  const std::string directory_;
  const uint32_t slots_;
  const uint32_t first_slot_;          // asked for first: the workers begin at different ones
  std::vector<FileDescriptor> files_;  // of the slots from first_slot_ on, as far as it had to ask
  RandomStream random_;
  absl::Duration pause_;  // between two asks, up to twice as long
  const SystemClock machine_clock_;
  const Clock& clock_;
  std::atomic<bool> held_{false};
  std::atomic<int64_t> waits_since_{kWaitsNot};  // milliseconds of clock_
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_TURN_GATE_H_
