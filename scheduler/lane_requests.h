// What the scheduler asks of the lanes: their parts of a checkpoint, which a MANIFEST then closes,
// and their ledgers. Asks all lanes at once and does not wait: what has come in is looked for by
// Poll.
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
  };
  // lane_endpoints: by LaneId.
  static absl::StatusOr<std::unique_ptr<LaneRequests>> Connect(
      net::Context& context, const std::vector<std::string>& lane_endpoints, Options options);

  // One of each at a time. A checkpoint that cannot even begin ends with the next Poll.
  void StartCheckpoint(const WriteCheckpoint& order, Millis now);
  void StartLedger(uint32_t epoch);

  // CheckpointEnded and LedgerCounted, where all lanes have answered or one has failed.
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
    uint32_t epoch = 0;
    std::vector<uint64_t> tickets;
  };

  LaneRequests(Options options, std::unique_ptr<net::RequestClient> client);
  bool AllAnswered(const std::vector<uint64_t>& tickets);
  absl::Status CloseCheckpoint();
  conf::Manifest MakeManifest() const;
  absl::Status CollectLedger(std::vector<uint64_t>& samples);
  void RemoveOldCheckpoints();

  const Options options_;
  std::unique_ptr<net::RequestClient> client_;
  std::optional<Checkpoint> checkpoint_;
  std::optional<Ledger> ledger_;
  WrittenCheckpoint written_;
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_LANE_REQUESTS_H_
