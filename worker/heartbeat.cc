#include "worker/heartbeat.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include <glog/logging.h>
#include <unistd.h>

#include "absl/time/time.h"
#include "base/status_macros.h"

namespace caravan::worker {
namespace {

constexpr Millis kWatchSlice{100};

}  // namespace

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t pages_total = 0;
  uint64_t pages_resident = 0;
  if (!(statm >> pages_total >> pages_resident)) return 0;
  return pages_resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

absl::Status Heartbeat::Run() {
  while (!options_.interrupt->IsSet()) {
    const Millis started = clock_.Now();
    const uint64_t ticket = options_.scheduler->Start(0, MakeHeartbeat(), {});
    while (!options_.scheduler->IsAnswered(ticket)) {
      CARAVAN_RETURN_IF_ERROR(WaitAndWatch(std::min(kWatchSlice, options_.every)));
      TellWaits();
      if (options_.interrupt->IsSet()) return absl::OkStatus();
    }
    bool ordered_to_stop = false;
    CARAVAN_RETURN_IF_ERROR(Take(ticket, ordered_to_stop));
    if (ordered_to_stop) return absl::OkStatus();
    TellWaits();
    CARAVAN_RETURN_IF_ERROR(WaitAndWatch(options_.every - (clock_.Now() - started)));
  }
  return absl::OkStatus();
}

void Heartbeat::TellWaits() {
  const Millis now = clock_.Now();
  if (now - waits_told_at_ < kWorthTelling) return;
  for (const std::string& waiting : {options_.waiting_for(), options_.scheduler->Waiting()}) {
    if (waiting.empty()) continue;
    waits_told_at_ = now;
    LOG(WARNING) << "waits for " << waiting;
  }
}

net::Header Heartbeat::MakeHeartbeat() {
  told_ = options_.counters->Read();
  traffic_told_ = options_.traffic();
  net::Header header;
  net::Heartbeat& heartbeat = *header.mutable_heartbeat();
  heartbeat.set_incarnation(options_.incarnation);
  heartbeat.set_samples(told_.samples - answered_.samples);
  heartbeat.set_batches(told_.batches - answered_.batches);
  heartbeat.set_loss_sum(told_.loss_sum - answered_.loss_sum);
  answered_.task_loss_sums.resize(told_.task_loss_sums.size());
  for (size_t t = 0; t < told_.task_loss_sums.size(); ++t) {
    heartbeat.add_task_loss_sums(told_.task_loss_sums[t] - answered_.task_loss_sums[t]);
  }
  heartbeat.set_staleness_sum(told_.staleness_sum - answered_.staleness_sum);
  heartbeat.set_bytes_pulled(traffic_told_.bytes_pulled - traffic_answered_.bytes_pulled);
  heartbeat.set_bytes_pushed(traffic_told_.bytes_pushed - traffic_answered_.bytes_pushed);
  heartbeat.set_resident_bytes(ResidentBytes());
  heartbeat.set_waiting_for(options_.waiting_for());
  return header;
}

absl::Status Heartbeat::Take(uint64_t ticket, bool& ordered_to_stop) {
  CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, options_.scheduler->Await(ticket));
  if (answer.reply.code() == net::NOT_A_MEMBER) {
    return absl::AbortedError("the scheduler does not know this worker any more");
  }
  CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
  answered_ = told_;
  traffic_answered_ = traffic_told_;
  const net::Routing& routing = answer.reply.heartbeat().routing();
  if (routing.epoch() > options_.scheduler->routing_epoch()) {
    options_.reroute(routing);
    options_.scheduler->SetRun(options_.run_id, routing.epoch());
  }
  switch (answer.reply.heartbeat().order()) {
    case net::HeartbeatReply::STOP:
      ordered_to_stop = true;
      return absl::OkStatus();
    case net::HeartbeatReply::UNKNOWN:
      return absl::AbortedError("the scheduler does not know this worker any more");
    case net::HeartbeatReply::CONTINUE:
      break;
  }
  return absl::OkStatus();
}

absl::Status Heartbeat::WaitAndWatch(Millis duration) {
  while (true) {
    if (options_.stop != nullptr && *options_.stop) {
      return absl::CancelledError("the worker was told to leave by a signal");
    }
    if (duration <= Millis{0}) return absl::OkStatus();
    const Millis slice = std::min(duration, kWatchSlice);
    if (options_.interrupt->WaitFor(absl::FromChrono(slice))) return absl::OkStatus();
    duration -= slice;
  }
}

}  // namespace caravan::worker
