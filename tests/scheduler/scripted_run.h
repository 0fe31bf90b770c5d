// A coordinator with a clock at hand, and the questions that tests put to it again and again.
#ifndef CARAVAN_TESTS_SCHEDULER_SCRIPTED_RUN_H_
#define CARAVAN_TESTS_SCHEDULER_SCRIPTED_RUN_H_

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "scheduler/coordinator.h"

namespace caravan::scheduler {

// A small run: one server of two lanes, 2 epochs of 4 training blocks of 2 batches of 10 samples
// (the last block has 15 samples), one validation block, one test block, one task, one scenario.
inline CoordinatorOptions SmallRun() {
  CoordinatorOptions options;
  conf::Job& job = *options.spec.mutable_job();
  job.mutable_training()->set_epochs(2);
  job.mutable_cluster()->set_servers(1);
  job.mutable_cluster()->set_lanes(2);
  job.mutable_cluster()->set_shards(4);
  job.mutable_cluster()->set_workers(2);
  job.mutable_cluster()->set_dead_after_ms(15000);
  options.spec.set_version("1");
  options.spec.mutable_schema()->add_tasks();
  options.spec.mutable_schema()->add_scenarios("a");
  options.spec.mutable_block_plan()->set_batch_size(10);
  options.spec.mutable_block_plan()->set_block_batches(2);
  options.job_fingerprint = 77;
  options.model_fingerprint = 78;
  options.splits = {{"train", {20, 20, 20, 15}}, {"valid", {12}}, {"test", {13}}};
  return options;
}
inline constexpr uint64_t kTrainSamples = 75;
inline constexpr uint64_t kServer = 1000;  // its incarnation

class ScriptedRun {
 public:
  explicit ScriptedRun(const CoordinatorOptions& options = SmallRun())
      : coordinator(options, Millis{0}) {}

  // Since the last Ask, of every kind.
  std::vector<Action> actions;

  void Do(const Event& event) {
    for (Action& action : coordinator.Step(event, now)) actions.push_back(std::move(action));
  }
  template <typename T>
  std::optional<T> Last() const {
    for (auto action = actions.rbegin(); action != actions.rend(); ++action) {
      if (const T* found = std::get_if<T>(&*action)) return *found;
    }
    return std::nullopt;
  }
  template <typename T>
  T Ask(const Event& event) {
    actions.clear();
    Do(event);
    const std::optional<T> answer = Last<T>();
    EXPECT_TRUE(answer.has_value()) << "another answer came";
    return answer.value_or(T{});
  }

  static Hello ServerHello(uint64_t incarnation) {
    Hello hello{.role = net::SERVER, .incarnation = incarnation, .version = "1"};
    hello.lane_endpoints = {"ipc:///a", "ipc:///b"};
    return hello;
  }
  void JoinServer() {
    EXPECT_EQ(Ask<Welcome>(ServerHello(kServer)).lanes, (std::vector<uint32_t>{0, 1}));
    Beat(kServer);
  }
  void JoinWorker(uint64_t incarnation) {
    Ask<Welcome>(Hello{.role = net::WORKER, .incarnation = incarnation, .version = "1"});
  }
  HeartbeatAnswer Beat(uint64_t incarnation) {
    Heartbeat beat;
    beat.incarnation = incarnation;
    beat.ready = true;
    beat.routing_epoch = coordinator.routing_epoch();
    return Ask<HeartbeatAnswer>(beat);
  }
  LeaseAnswer Lease(uint64_t incarnation) {
    return Ask<LeaseAnswer>(LeaseRequest{incarnation, ++request_id});
  }
  bool Finish(uint64_t incarnation, const LeaseAnswer& lease) {
    BlockDone done{.incarnation = incarnation,
                   .lease = lease.lease,
                   .epoch = lease.epoch,
                   .block = lease.block,
                   .begun_routing_epoch = coordinator.routing_epoch()};
    if (lease.kind == net::LeaseReply::EVALUATE) {
      net::CellSums cell;
      cell.set_samples(lease.split == "valid" ? 12 : 13);
      cell.set_label(2);
      cell.set_absolute_error(1);
      done.cells = {cell};
    }
    return Ask<BlockDoneAnswer>(done).accepted;
  }
  // Lets `incarnation` do whatever there is to do, until it is told to wait.
  std::vector<uint32_t> Work(uint64_t incarnation) {
    std::vector<uint32_t> blocks;
    while (true) {
      const LeaseAnswer lease = Lease(incarnation);
      if (lease.lease == 0) return blocks;
      blocks.push_back(lease.block);
      EXPECT_TRUE(Finish(incarnation, lease));
    }
  }
  void CountLedger(uint64_t samples = kTrainSamples) {
    Do(LedgerCounted{.epoch = coordinator.epoch(),
                     .routing_epoch = coordinator.routing_epoch(),
                     .status = absl::OkStatus(),
                     .samples = std::vector<uint64_t>(4, samples)});
  }
  void Pass(Millis time) {
    now += time;
    Do(TimePassed{});
  }

  Millis now{0};
  uint64_t request_id = 0;
  Coordinator coordinator;
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_TESTS_SCHEDULER_SCRIPTED_RUN_H_
