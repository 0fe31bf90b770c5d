// The fetching half of a simulated worker: drives worker/block_order, worker/pull_talk and
// worker/lane_talk without ever waiting. The counterpart of worker/fetch_stage.
#ifndef CARAVAN_TESTS_SIM_FETCHING_H_
#define CARAVAN_TESTS_SIM_FETCHING_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/sim/small_model.h"
#include "worker/block_order.h"
#include "worker/lane_split.h"
#include "worker/pull_talk.h"

namespace caravan::sim {

// A batch as it goes from the fetching to the computing half; without `keys` the block's end.
struct FetchedBatch {
  std::shared_ptr<const worker::BlockLease> lease;
  bool is_end = false;
  uint32_t number = 0;
  worker::TableKeys keys;
  worker::LaneSplit split;
  worker::Parameters parameters;
};

// What both halves of a membership share.
struct WorkerParts {
  Shape shape;
  conf::RunSpec run;
  const worker::LaneMap* map = nullptr;
  uint64_t incarnation = 0;
  const Clock* clock = nullptr;
  std::function<void(Millis)> wake_at;  // asks for another turn then
  size_t batches_max = 2;               // between the halves, and in either's hands
  size_t batches = 0;
  std::deque<std::unique_ptr<FetchedBatch>> fetched;
};

class Fetching {
 public:
  // All outlive it.
  Fetching(WorkerParts* parts, net::RequestClient* scheduler, net::RequestClient* lanes);

  // Does what can be done now. True: the run is over, nothing more will be fetched.
  absl::StatusOr<bool> Turn();
  std::string WaitsFor() const;

 private:
  using Event = std::optional<worker::BlockOrder::Event>;
  // Begins an action; the event, where it is there at once.
  absl::Status Do(const worker::BlockOrder::AskLease& action);
  absl::Status Do(const worker::BlockOrder::AskMark& action);
  absl::Status Do(const worker::BlockOrder::ReadBatch& action);
  absl::Status Do(const worker::BlockOrder::AskPhase& action);
  absl::Status Do(const worker::BlockOrder::PullBatch& action);
  absl::Status Do(const worker::BlockOrder::EndBlock& action);
  absl::Status Do(const worker::BlockOrder::WakeAt& action);
  absl::Status Do(const worker::BlockOrder::Leave& action);
  // What came of the last action; nothing: not yet.
  absl::StatusOr<Event> Outcome();
  absl::StatusOr<Event> AnswerOfScheduler();
  void ReadNow();

  WorkerParts* const parts_;
  net::RequestClient* const scheduler_;
  net::RequestClient* const lanes_;
  worker::BlockOrder order_;
  worker::PullTalk pull_;
  worker::MarkTalk mark_;
  std::vector<uint64_t> tickets_;  // of a talk, by lane; 0: nothing is waited for
  std::optional<worker::BlockOrder::Action> last_;
  std::unique_ptr<FetchedBatch> batch_;
  uint64_t ticket_ = 0;  // of the scheduler's answer
  bool begun_ = false;
};

// One turn of a talk: sends what is due, takes the answers that are there. True: it is done.
absl::StatusOr<bool> DriveTalk(worker::LaneTalk& talk, net::RequestClient& client,
                               std::vector<uint64_t>& tickets, const WorkerParts& parts);

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_FETCHING_H_
