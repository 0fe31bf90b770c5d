// Blocks whose last batch was begun, until the scheduler may be told: a block is done once all
// lanes have acknowledged its last push. Pure.
#ifndef CARAVAN_WORKER_BLOCK_REPORTS_H_
#define CARAVAN_WORKER_BLOCK_REPORTS_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "net/wire.pb.h"
#include "worker/block_lease.h"

namespace caravan::worker {

// Owned by one thread.
class BlockReports {
 public:
  explicit BlockReports(uint64_t incarnation) : incarnation_(incarnation) {}

  // `last_push`: number of the last push begun, whosever block it is of.
  void End(std::shared_ptr<const BlockLease> lease, uint64_t last_push,
           std::vector<net::CellSums> cells);

  struct Report {
    std::shared_ptr<const BlockLease> lease;
    net::Header header;
  };
  // What the scheduler is to be told now; `acknowledged`: that push and all before it are.
  std::vector<Report> TakeReports(uint64_t acknowledged);

  // False: the lease had gone to another worker, which is no harm. ABORTED: join anew.
  static absl::StatusOr<bool> Accepted(const net::Reply& reply);

 private:
  struct Ended {
    std::shared_ptr<const BlockLease> lease;
    uint64_t last_push = 0;
    std::vector<net::CellSums> cells;
  };
  const uint64_t incarnation_;
  std::deque<Ended> ended_;
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_BLOCK_REPORTS_H_
