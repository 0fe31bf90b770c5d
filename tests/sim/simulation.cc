#include "tests/sim/simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "tests/sim/judge.h"

namespace caravan::sim {
namespace {

constexpr Millis kMustEnd{400'000};

Shape DrawShape(RandomStream& random, uint64_t seed) {
  const auto between = [&random](uint64_t low, uint64_t high) {
    return static_cast<uint32_t>(low + random.NextBelow(high - low + 1));
  };
  return {.seed = seed,
          .servers = between(1, 3),
          .lanes = between(1, 2),
          .workers = between(1, 4),
          .shards = between(6, 8),
          .epochs = between(1, 2),
          .blocks = between(2, 6),
          .block_batches = between(2, 4),
          .gradients_of_weights = random.NextBelow(2) == 0};
}

conf::RunSpec DrawSpec(RandomStream& random, const Shape& shape) {
  conf::RunSpec spec = MakeRunSpec(shape);
  conf::Job& job = *spec.mutable_job();
  constexpr conf::Consistency kConsistencies[] = {conf::ASYNC, conf::ASYNC, conf::BOUNDED,
                                                  conf::SYNC};
  job.mutable_training()->set_consistency(kConsistencies[random.NextBelow(4)]);
  job.mutable_training()->set_staleness_bound(1 + static_cast<uint32_t>(random.NextBelow(3)));
  if (random.NextBelow(2) == 0) job.mutable_training()->mutable_optimizer()->mutable_adagrad();
  constexpr conf::Durability kDurabilities[] = {conf::PROCESS, conf::POWER_LOSS, conf::CHECKPOINT};
  job.mutable_cluster()->set_durability(kDurabilities[random.NextBelow(3)]);
  job.mutable_cluster()->set_away_max_ms(600'000);
  job.mutable_checkpoint()->set_every_epochs(static_cast<uint32_t>(random.NextBelow(2)));
  job.mutable_checkpoint()->set_every_seconds(static_cast<uint32_t>(random.NextBelow(2)));
  job.mutable_server()->set_log_mebibytes(1);
  job.mutable_training()->set_evaluate_every_epochs(0);
  job.mutable_cluster()->set_heartbeat_ms(300);
  constexpr uint32_t kDeadAfter[] = {1500, 3000, 6000};
  job.mutable_cluster()->set_dead_after_ms(kDeadAfter[random.NextBelow(3)]);
  job.mutable_worker()->set_batches_ahead(static_cast<uint32_t>(random.NextBelow(3)));
  job.mutable_worker()->set_pushes_in_flight(1 + static_cast<uint32_t>(random.NextBelow(4)));
  job.mutable_worker()->set_request_timeout_ms(200);
  job.mutable_worker()->set_give_up_after_ms(300'000);
  job.mutable_server()->set_hot_rows_mebibytes(1);
  job.mutable_server()->set_rocksdb_mebibytes(4);
  return spec;
}

NetworkFaults DrawFaults(RandomStream& random) {
  if (random.NextBelow(4) == 0) return {};
  const auto some = [&random](uint64_t most) {
    return static_cast<uint32_t>(random.NextBelow(3) == 0 ? 0 : random.NextBelow(most));
  };
  return {.lost = some(100),
          .twice = some(100),
          .late = some(100),
          .delay_max = Millis{1 + random.NextBelow(20)},
          .late_max = Millis{1 + random.NextBelow(4000)}};
}

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options)
      : random_(options.seed, 0x73696d),
        trace_(&loop_, options.keeps_trace),
        shape_(DrawShape(random_, options.seed)),
        spec_(DrawSpec(random_, shape_)),
        network_(&loop_, &trace_, DrawFaults(random_), RandomStream(random_.NextBits())),
        disk_(RandomStream(random_.NextBits())),
        judge_(&spec_, &shape_),
        world_{.loop = &loop_,
               .network = &network_,
               .trace = &trace_,
               .disk = &disk_,
               .spec = &spec_,
               .shape = &shape_,
               .scheduler = "scheduler/requests",
               .plant = options.plant},
        cluster_(world_, &judge_, RandomStream(random_.NextBits())),
        faults_(world_, &cluster_, options.faults, RandomStream(random_.NextBits())) {
    trace_.Line("{} servers of {} lanes, {} workers, {} shards, {} epochs of {} blocks of {}",
                shape_.servers, shape_.lanes, shape_.workers, shape_.shards, shape_.epochs,
                shape_.blocks, shape_.block_batches);
  }

  Outcome Run() {
    cluster_.Start();
    faults_.Plan();
    while (cluster_.failure().ok() && cluster_.ended() == nullptr && loop_.Now() < kMustEnd &&
           loop_.RunNext()) {
      cluster_.Watch();
    }
    Outcome outcome{.status = cluster_.failure(),
                    .story = {},
                    .simulated = loop_.Now(),
                    .messages = network_.messages(),
                    .pushes = judge_.pushes(),
                    .mishaps = cluster_.mishaps()};
    if (outcome.status.ok()) outcome.status = Verdict();
    if (cluster_.ended() == nullptr) outcome.story = cluster_.WhoWaitsForWhom();
    outcome.story += trace_.text();
    return outcome;
  }

 private:
  absl::Status Verdict() {
    if (cluster_.ended() == nullptr) {
      return absl::DeadlineExceededError(
          fmt::format("the run has not ended after {} simulated ms", loop_.Now().count()));
    }
    const absl::Status& ended = *cluster_.ended();
    if (!ended.ok()) {
      return absl::Status(ended.code(),
                          fmt::format("the run failed: {}", std::string(ended.message())));
    }
    // Who was dead at the end is not asked; the coordinator had its ledger.
    const std::vector<ps::Lane*> lanes = cluster_.lanes();
    if (std::ranges::find(lanes, nullptr) != lanes.end()) return absl::OkStatus();
    disk_.SetRoom(Disk::Room::kEnough);
    for (uint32_t i = 0; i < shape_.servers; ++i) cluster_.server(i)->disk().Spare();
    return judge_.CheckEnd(lanes);
  }

  RandomStream random_;
  EventLoop loop_;
  Trace trace_;
  const Shape shape_;
  const conf::RunSpec spec_;
  Network network_;
  Disk disk_;
  Judge judge_;
  const World world_;
  Cluster cluster_;
  Faults faults_;
};

}  // namespace

Outcome Simulate(const SimulationOptions& options) {
  return std::make_unique<Simulation>(options)->Run();
}

}  // namespace caravan::sim
