#include "worker/block_reports.h"

#include <utility>

#include "base/status_macros.h"
#include "worker/block_order.h"

namespace caravan::worker {

void BlockReports::End(std::shared_ptr<const BlockLease> lease, uint64_t last_push,
                       std::vector<net::CellSums> cells) {
  ended_.push_back({.lease = std::move(lease), .last_push = last_push, .cells = std::move(cells)});
}

std::vector<BlockReports::Report> BlockReports::TakeReports(uint64_t acknowledged) {
  std::vector<Report> reports;
  for (; !ended_.empty() && ended_.front().last_push <= acknowledged; ended_.pop_front()) {
    const Ended& ended = ended_.front();
    Report& report = reports.emplace_back();
    report.lease = ended.lease;
    net::BlockDone& done = *report.header.mutable_block_done();
    done.set_incarnation(incarnation_);
    done.set_lease(ended.lease->lease);
    done.set_epoch(ended.lease->epoch);
    done.set_block(ended.lease->block);
    done.set_samples(ended.lease->samples);
    done.set_begun_routing_epoch(ended.lease->begun_routing_epoch);
    done.mutable_cells()->Add(ended.cells.begin(), ended.cells.end());
  }
  return reports;
}

absl::StatusOr<bool> BlockReports::Accepted(const net::Reply& reply) {
  CARAVAN_RETURN_IF_ERROR(CheckKnown(reply));
  return reply.block_done().accepted();
}

}  // namespace caravan::worker
