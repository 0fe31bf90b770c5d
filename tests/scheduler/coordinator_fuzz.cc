// Any bytes as requests to a scheduler: each is refused, or answered with exactly one reply.
#include <cstdlib>

#include "scheduler/coordinator.h"
#include "scheduler/wire_events.h"
#include "tests/net/fuzz_input.h"

namespace caravan::scheduler {
namespace {

CoordinatorOptions SmallRun() {
  CoordinatorOptions options{
      .spec = {},
      .job_fingerprint = 1,
      .model_fingerprint = 2,
      .splits = {{.split = "train", .samples = {8, 8, 3}}, {.split = "valid", .samples = {4}}},
      .start = {},
      .first_checkpoint = 1};
  conf::Job& job = *options.spec.mutable_job();
  job.mutable_training()->set_epochs(2);
  job.mutable_cluster()->set_servers(1);
  job.mutable_cluster()->set_lanes(1);
  job.mutable_cluster()->set_workers(2);
  job.mutable_cluster()->set_shards(2);
  options.spec.set_run_id(7);
  options.spec.mutable_block_plan()->set_batch_size(4);
  options.spec.mutable_block_plan()->set_block_batches(2);
  options.spec.mutable_schema()->add_scenarios("A");
  options.spec.mutable_schema()->add_tasks()->set_name("x");
  return options;
}

class FuzzedRun {
 public:
  void Take(const net::Message& message) {
    // A frame behind the header is how much time passes.
    if (message.frames.size() > 1) {
      now_ += Millis{static_cast<int64_t>(message.frames[1].size()) * 100};
      Step(TimePassed{});
    }
    const absl::StatusOr<net::Header> header = net::ParseHeader(message);
    if (!header.ok()) return;
    const absl::StatusOr<Event> event = EventOf(*header);
    if (!event.ok()) return;
    if (Step(*event) != 1) std::abort();
  }

 private:
  // How many replies it gave.
  int Step(const Event& event) {
    int replies = 0;
    for (const Action& action : coordinator_.Step(event, now_)) {
      replies += ReplyOf(action, context_).has_value() ? 1 : 0;
    }
    return replies;
  }

  Millis now_{0};
  Coordinator coordinator_{SmallRun(), now_};
  AnswerContext context_;
};

}  // namespace
}  // namespace caravan::scheduler

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caravan::scheduler::FuzzedRun run;
  for (const caravan::net::Message& message : caravan::net::TakeMessages({data, size})) {
    run.Take(message);
  }
  return 0;
}
