#include "scheduler/phase_clock.h"

#include <algorithm>

namespace caravan::scheduler {

PhaseClock::PhaseClock(conf::Consistency consistency, uint32_t staleness_bound)
    : consistency_(consistency), bound_(consistency == conf::SYNC ? 0 : staleness_bound) {}

void PhaseClock::Activate(WorkerId worker) {
  Count& count = counts_[worker];
  if (count.active) return;
  const std::optional<uint64_t> slowest = Slowest();
  count.active = true;
  if (!slowest.has_value() || count.common() >= *slowest) return;
  uint64_t step = *slowest - count.common();
  if (consistency_ == conf::SYNC) step += step % 2;  // a pull stays a pull
  count.offset += step;
}

void PhaseClock::Deactivate(WorkerId worker) {
  const auto count = counts_.find(worker);
  if (count != counts_.end()) count->second.active = false;
}

void PhaseClock::Forget(WorkerId worker) { counts_.erase(worker); }

bool PhaseClock::Ask(WorkerId worker, uint64_t phase) {
  if (consistency_ == conf::ASYNC) return true;
  const auto found = counts_.find(worker);
  if (found == counts_.end() || !found->second.active) return true;
  Count& count = found->second;
  count.asked = std::max(count.asked, phase);
  return phase + count.offset <= *Slowest() + bound_;
}

void PhaseClock::Save(google::protobuf::RepeatedPtrField<PhaseState>& phases) const {
  if (consistency_ == conf::ASYNC) return;
  for (const auto& [worker, count] : counts_) {
    PhaseState& phase = *phases.Add();
    phase.set_worker(Index(worker));
    phase.set_active(count.active);
    phase.set_offset(count.offset);
    phase.set_asked(count.asked);
  }
}

void PhaseClock::Load(const google::protobuf::RepeatedPtrField<PhaseState>& phases) {
  counts_.clear();
  for (const PhaseState& phase : phases) {
    counts_[WorkerId{phase.worker()}] = {
        .active = phase.active(), .offset = phase.offset(), .asked = phase.asked()};
  }
}

std::optional<uint64_t> PhaseClock::Slowest() const {
  std::optional<uint64_t> slowest;
  for (const auto& [worker, count] : counts_) {
    if (count.active) slowest = std::min(slowest.value_or(count.common()), count.common());
  }
  return slowest;
}

}  // namespace caravan::scheduler
