// What the scheduler asks of the lanes: their parts of a checkpoint, which a MANIFEST then closes,
// their ledgers, and the marks of lanes that came back. Asks all lanes at once and does not wait:
// what has come in is looked for by Poll.
//
// Owned and called by the scheduler's thread.
#ifndef CARAVAN_SCHEDULER_LANE_REQUESTS_H_
#define CARAVAN_SCHEDULER_LANE_REQUESTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/kill_point.h"
#include "conf/manifest.pb.h"
#include "conf/run_spec.pb.h"
#include "net/request_client.h"
#include "scheduler/events.h"

namespace caravan::scheduler {

// A checkpoint that was written in this run.
struct WrittenCheckpoint {
  uint64_t number = 0;
  std::string directory;
  double seconds = 0;
};

class LaneRequests {
 public:
  struct Options {
    conf::RunSpec spec;
    uint64_t job_fingerprint = 0;
    uint64_t model_fingerprint = 0;
    std::string checkpoints_directory;
    KillPoints* kill_points = nullptr;
  };
  // routing: endpoints by LaneId.
  static absl::StatusOr<std::unique_ptr<LaneRequests>> Connect(net::Context& context,
                                                               const net::Routing& routing,
                                                               Options options);

  // What is not answered yet is asked again where lanes listen in the later epoch.
  void Reroute(const net::Routing& routing);

  // One of each at a time, the later order counts. A checkpoint that cannot even begin ends with
  // the next Poll.
  void StartCheckpoint(const WriteCheckpoint& order, Millis now);
  void DropCheckpoint(uint64_t checkpoint);
  void StartLedger(const CountLedger& order);
  void StartMarks(const CollectMarks& order);

  // CheckpointEnded, LedgerCounted and MarksCollected, where all lanes asked have answered or one
  // has failed.
  std::vector<Event> Poll(Millis now);
  // The last checkpoint that was completed, from the Poll that said so.
  const WrittenCheckpoint& written() const { return written_; }

 private:
  struct Checkpoint {
    WriteCheckpoint order;
    std::string directory;
    Millis begun{0};
    absl::Status status;
    std::vector<uint64_t> tickets;  // by lane
  };
  struct Ledger {
    CountLedger order;
    std::vector<uint64_t> tickets;
  };
  struct Marks {
    CollectMarks order;
    std::vector<uint64_t> tickets;  // beside order.lanes
  };

  LaneRequests(Options options, std::unique_ptr<net::RequestClient> client);
  bool AllAnswered(const std::vector<uint64_t>& tickets);
  void ForgetAll(const std::vector<uint64_t>& tickets);
  void RemoveUnfinished(const std::string& directory);
  // The answer to `ticket`, which is there; an error names the lane.
  absl::StatusOr<net::Answer> Take(uint32_t lane, uint64_t ticket);
  absl::Status CloseCheckpoint();
  conf::Manifest MakeManifest() const;
  absl::Status CollectLedger(std::vector<uint64_t>& samples);
  absl::Status CollectMarks(std::vector<LaneMarks>& lanes);
  Event EndCheckpoint(Millis now);

  const Options options_;
  std::unique_ptr<net::RequestClient> client_;
  std::optional<Checkpoint> checkpoint_;
  std::optional<Ledger> ledger_;
  std::optional<Marks> marks_;
  WrittenCheckpoint written_;
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_LANE_REQUESTS_H_
