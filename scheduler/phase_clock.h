// Who may begin the next batch, for jobs that bound how far workers drift apart. Stale synchronous
// parallel (Ho et al., NIPS 2013): a worker begins phase p only when every active worker has asked
// for phase p - bound or later, that is, has finished all before it. SYNC is bound 0 over half
// steps: even phases pull, odd ones push.
//
// Active is who holds a training lease: who is idle or dead holds nobody up. Workers count phases
// each for themselves, from when they started; who becomes active is lined up with the slowest of
// the active ones, so that a newcomer neither holds the others up nor runs away from them.
//
// Pure.
#ifndef CARAVAN_SCHEDULER_PHASE_CLOCK_H_
#define CARAVAN_SCHEDULER_PHASE_CLOCK_H_

#include <cstdint>
#include <map>
#include <optional>

#include "base/ids.h"
#include "conf/job.pb.h"
#include "scheduler/journal.pb.h"

namespace caravan::scheduler {

class PhaseClock {
 public:
  PhaseClock(conf::Consistency consistency, uint32_t staleness_bound);

  void Activate(WorkerId worker);    // no effect on one who is active
  void Deactivate(WorkerId worker);  // keeps its count, for when it comes back
  void Forget(WorkerId worker);

  // True: begin. Asking again for the same phase changes nothing.
  bool Ask(WorkerId worker, uint64_t phase);

  // For the journal. ASYNC has nothing to remember.
  void Save(google::protobuf::RepeatedPtrField<PhaseState>& phases) const;
  void Load(const google::protobuf::RepeatedPtrField<PhaseState>& phases);

 private:
  struct Count {
    bool active = false;
    uint64_t offset = 0;  // own phase + offset = common phase
    uint64_t asked = 0;   // the highest asked for, own
    uint64_t common() const { return asked + offset; }
  };
  std::optional<uint64_t> Slowest() const;

  const conf::Consistency consistency_;
  const uint64_t bound_;
  std::map<WorkerId, Count> counts_;
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_PHASE_CLOCK_H_
