// A lane's socket and its threads. The socket answers from the start: NOT_READY until the lane has
// been built beside it, by the lane itself from then on.
#ifndef CARAVAN_PS_LANE_RUNNER_H_
#define CARAVAN_PS_LANE_RUNNER_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/bounded_queue.h"
#include "base/mutex.h"
#include "base/side_thread.h"
#include "net/socket.h"
#include "ps/lane.h"

namespace caravan::ps {

// Its functions may be called from any thread but Build, which is called once.
class LaneRunner {
 public:
  using Builder = std::function<absl::StatusOr<std::unique_ptr<Lane>>()>;

  // Binds and answers. `context` outlives it.
  static absl::StatusOr<std::unique_ptr<LaneRunner>> Start(net::Context& context,
                                                           const std::string& endpoint);
  // Stops and joins.
  ~LaneRunner();

  // Calls `builder` on a thread of its own, then hands the lane to the serving thread.
  void Build(Builder builder);
  // Not to be undone; the destructor waits for it.
  void Stop() { stopping_ = true; }

  // For the lane's slow work: Lane::Options::side. Outlives the lane.
  SideThread* side() { return &side_; }
  // Lane::Options::cold and writer, as well.
  SideThread* cold() { return &cold_; }
  SideThread* writer() { return &writer_; }

  const std::string& endpoint() const { return endpoint_; }
  bool is_ready() const { return ready_; }
  uint64_t resident_bytes() const { return resident_bytes_; }
  // Processor time of the serving thread so far.
  std::chrono::nanoseconds processor_time();
  void SetRoutingEpoch(uint32_t epoch) { routing_epoch_ = epoch; }
  // Why the lane cannot serve, once it cannot; OK until then.
  absl::Status failure() const;

 private:
  explicit LaneRunner(std::unique_ptr<net::RouterSocket> router);
  void Serve();
  absl::Status ServeRequests();
  class Served;
  absl::StatusOr<std::unique_ptr<Lane>> AwaitLane();
  absl::Status ServeAvailable(Served& served);
  void Fail(const absl::Status& status);

  // First: they outlive the lane. All give way to it; what it waits for more gives way less.
  SideThread side_{15};
  SideThread cold_{10};
  SideThread writer_{5};
  std::unique_ptr<net::RouterSocket> router_;  // the serving thread's
  const std::string endpoint_;
  BoundedQueue<std::unique_ptr<Lane>> built_{1};
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> ready_ = false;
  std::atomic<uint64_t> resident_bytes_ = 0;
  std::atomic<uint32_t> routing_epoch_ = 0;
  mutable Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::thread build_;
  std::thread serve_;
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_LANE_RUNNER_H_
