// The least that is a scheduler to workers: leases blocks by number, epoch by epoch, then those of
// the validation split. It takes a block away when its lease is old, although its worker may still
// be at it: what a scheduler does that wrongly takes a worker for dead.
#ifndef CARAVAN_TESTS_WORKER_SIMPLE_SCHEDULER_H_
#define CARAVAN_TESTS_WORKER_SIMPLE_SCHEDULER_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "conf/run_spec.pb.h"
#include "data/block_plan.h"
#include "net/message.h"

namespace caravan::worker {

// Owned by one thread at a time.
class SimpleScheduler {
 public:
  SimpleScheduler(conf::RunSpec run, net::Routing routing)
      : run_(std::move(run)), routing_(std::move(routing)) {
    StartRound();
  }

  Millis lease_lasts{60'000};
  std::string refuses;         // the reason, if it refuses everyone
  uint32_t routing_after = 0;  // heartbeats, before the routing is complete
  uint32_t forgets_after = 0;  // leases, after which the first worker is unknown; 0: never
  bool is_silent = false;      // answers nobody from the first lease on
  // What came to be.
  bool done = false;
  uint32_t leases = 0;
  uint32_t leases_taken_away = 0;
  std::map<uint64_t, uint32_t> workers;                          // by incarnation: id
  uint64_t samples_told = 0;                                     // in heartbeats
  std::map<std::pair<uint32_t, uint32_t>, net::CellSums> cells;  // of the evaluation

  // Nothing: no answer.
  std::optional<net::Message> Handle(const net::Message& request) {
    const auto header = net::ParseHeader(request);
    if (!header.ok()) return net::MakeError(0, net::INVALID, "no header");
    net::Reply reply;
    reply.set_request_id(header->request_id());
    reply.set_code(net::OK);
    if (header->has_hello()) return Hello(header->hello(), reply);
    if (!workers.contains(header->sender())) {
      return net::MakeError(header->request_id(), net::NOT_A_MEMBER, "who?");
    }
    if (is_silent && leases > 0) return std::nullopt;
    if (header->has_heartbeat()) {
      samples_told += header->heartbeat().samples();
      reply.mutable_heartbeat();
      routing_after -= routing_after > 0 ? 1 : 0;
      if (header->routing_epoch() == 0 && routing_after == 0) {
        *reply.mutable_heartbeat()->mutable_routing() = routing_;
      }
    } else if (header->has_lease_request()) {
      Lease(*reply.mutable_lease());
      if (leases == forgets_after && leases > 0) {
        workers.clear();
        forgets_after = 0;
      }
    } else if (header->has_block_done()) {
      reply.mutable_block_done()->set_accepted(BlockDone(header->block_done()));
    } else if (header->has_phase_request()) {
      reply.mutable_phase()->set_go(++phase_requests_ % 3 == 0);  // go, but not at once
    }
    return net::MakeMessage(reply);
  }

 private:
  struct Block {
    bool done = false;
    uint64_t lease = 0;
    Millis leased_at{0};
  };

  net::Message Hello(const net::Hello& hello, net::Reply& reply) {
    if (!refuses.empty()) return net::MakeError(reply.request_id(), net::REFUSED, refuses);
    const auto id = static_cast<uint32_t>(workers.size());
    net::Welcome& welcome = *reply.mutable_welcome();
    welcome.set_id(workers.emplace(hello.incarnation(), id).first->second);
    welcome.set_run_spec(run_.SerializeAsString());
    if (routing_after == 0) *welcome.mutable_routing() = routing_;
    return net::MakeMessage(reply);
  }

  bool IsEvaluation() const { return epoch_ == run_.job().training().epochs(); }

  void StartRound() {
    for (const conf::SplitSchema& split : run_.schema().splits()) {
      if (split.name() != (IsEvaluation() ? "valid" : "train")) continue;
      blocks_.assign(data::Blocks(run_.block_plan(), split).size(), {});
    }
  }

  void Lease(net::LeaseReply& reply) {
    if (done) return reply.set_kind(net::LeaseReply::DONE);
    const Millis now = clock_.Now();
    for (uint32_t b = 0; b < blocks_.size(); ++b) {
      Block& block = blocks_[b];
      const bool is_old = block.lease != 0 && now - block.leased_at > lease_lasts;
      if (block.done || (block.lease != 0 && !is_old)) continue;
      leases_taken_away += is_old ? 1 : 0;
      block.lease = ++leases;
      block.leased_at = now;
      reply.set_kind(IsEvaluation() ? net::LeaseReply::EVALUATE : net::LeaseReply::TRAIN);
      reply.set_epoch(epoch_);
      reply.set_split(IsEvaluation() ? "valid" : "train");
      reply.set_block(b);
      reply.set_lease(block.lease);
      reply.set_learning_rate_scale(1);
      return;
    }
    reply.set_kind(net::LeaseReply::WAIT);
    reply.set_wait_ms(5);
  }

  bool BlockDone(const net::BlockDone& report) {
    Block& block = blocks_[report.block() % blocks_.size()];
    if (report.epoch() != epoch_ || block.lease != report.lease()) return false;
    if (block.done) return true;  // the same report again
    block.done = true;
    for (const net::CellSums& cell : report.cells()) {
      net::CellSums& sums = cells[{cell.task(), cell.scenario()}];
      sums.set_samples(sums.samples() + cell.samples());
      sums.set_loss(sums.loss() + cell.loss());
    }
    for (const Block& other : blocks_) {
      if (!other.done) return true;
    }
    done = IsEvaluation();
    if (!done) {
      ++epoch_;
      StartRound();
    }
    return true;
  }

  const conf::RunSpec run_;
  const net::Routing routing_;
  const SystemClock clock_;
  uint32_t epoch_ = 0;
  std::vector<Block> blocks_;
  uint32_t phase_requests_ = 0;
};

}  // namespace caravan::worker

#endif  // CARAVAN_TESTS_WORKER_SIMPLE_SCHEDULER_H_
