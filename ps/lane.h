// A lane: the state machine behind one socket of a server. It owns its shards outright: their rows,
// dense chunks, marks and ledger. No thread, clock or socket in it; the same requests in the same
// order give the same bits.
//
// Whatever a request holds, it gets an answer: INVALID with the reason where it breaks a bound,
// WRONG_RUN, WRONG_ROUTE, UNKNOWN_KEYS, FAILED. A push changes everything or nothing.
#ifndef CARAVAN_PS_LANE_H_
#define CARAVAN_PS_LANE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "conf/manifest.pb.h"
#include "conf/run_spec.pb.h"
#include "net/message.h"
#include "ps/dense_store.h"
#include "ps/key_lists.h"
#include "ps/marks.h"
#include "ps/optimizers/optimizer.h"
#include "storage/row_store.h"

namespace caravan::ps {

struct LaneCounters {
  uint64_t pulls = 0;
  uint64_t pushes_applied = 0;
  uint64_t pushes_repeated = 0;
  uint64_t keys_pulled = 0;
  uint64_t keys_pushed = 0;
  uint64_t requests_rejected = 0;  // answered INVALID
  uint64_t requests_failed = 0;    // answered FAILED
};

// Owned and called by one lane thread.
class Lane {
 public:
  struct Options {
    LaneId lane{};
    uint32_t lanes_total = 1;
    uint64_t run_id = 0;
    std::string data_directory;  // of the lane's RocksDB; emptied
  };

  // The initial state. INVALID_ARGUMENT where the model or the cluster cannot be served. `spec` is
  // copied.
  static absl::StatusOr<std::unique_ptr<Lane>> Create(const conf::RunSpec& spec,
                                                      const Options& options);
  // The state of a checkpoint, written by any number of lanes; its files are verified by the caller
  // (net::VerifyFiles), once for all lanes.
  static absl::StatusOr<std::unique_ptr<Lane>> Restore(const conf::RunSpec& spec,
                                                       const Options& options,
                                                       const std::string& checkpoint_directory,
                                                       const conf::Manifest& manifest);

  net::Message Handle(const net::Message& request);

  // Requests of an older routing are answered WRONG_ROUTE.
  void SetRoutingEpoch(uint32_t epoch) { routing_epoch_ = epoch; }
  const LaneCounters& counters() const { return counters_; }
  uint64_t rows() const { return rows_->rows(); }
  uint64_t resident_bytes() const;

 private:
  Lane(const conf::RunSpec& spec, const Options& options);
  static absl::StatusOr<std::unique_ptr<Lane>> CreateEmpty(const conf::RunSpec& spec,
                                                           const Options& options);

  // lane.cc
  absl::StatusOr<net::Message> Dispatch(const net::Header& header, const net::Message& request);
  net::Message Refuse(uint64_t request_id, const absl::Status& status);
  absl::StatusOr<net::Message> HandleMarkQuery(const net::Header& header);
  absl::StatusOr<net::Message> HandleLedgerQuery(const net::Header& header);
  absl::StatusOr<net::Message> HandleBlockMarksQuery(const net::Header& header);

  // request_keys.cc: the checked key list of a pull or push. NOT_FOUND: the signature is not known.
  using Spans = google::protobuf::RepeatedPtrField<net::TableSpan>;
  absl::StatusOr<const KeyList*> ResolveKeys(const net::Header& header, const Spans& spans,
                                             uint64_t signature, const net::Message& request);
  absl::StatusOr<KeyList> CheckSpans(const Spans& spans) const;
  absl::Status CheckKeys(const KeyList& list) const;

  // pull.cc
  absl::StatusOr<net::Message> HandlePull(const net::Header& header, const net::Message& request);
  absl::Status CheckVersions(const net::Pull& pull) const;
  absl::StatusOr<net::Frame> ReadRows(const KeyList& list);
  net::Frame ReadChunks(const net::Pull& pull, net::PullReply& reply) const;

  // push.cc
  struct Gradients {
    std::span<const float> rows;
    std::span<const float> dense;
  };
  absl::StatusOr<net::Message> HandlePush(const net::Header& header, const net::Message& request);
  absl::StatusOr<Batch> CheckTag(const net::Push& push) const;
  absl::StatusOr<Gradients> CheckGradients(const Batch& batch, const KeyList& list,
                                           const net::Message& request);
  absl::Status AcquireRows(const KeyList& list);
  void UpdateRows(const KeyList& list, std::span<const float> gradients, float rate_scale,
                  const std::vector<bool>& shard_needs);
  void UpdateChunks(std::span<const float> gradients, float rate_scale,
                    const std::vector<bool>& shard_needs);

  // checkpoint_save.cc
  absl::StatusOr<net::Message> HandleSaveCheckpoint(const net::Header& header);
  absl::Status CheckCheckpointDirectory(const std::string& directory) const;
  absl::Status WriteState(const std::string& lane_directory);
  absl::Status SaveShards();

  // checkpoint_restore.cc
  absl::Status RestoreFrom(const std::string& directory, const conf::Manifest& manifest);
  absl::Status RestoreShard(storage::RocksDb& from, ShardId shard);

  uint32_t ShardOf(TableId table, uint64_t key) const;

  conf::RunSpec spec_;
  Options options_;
  uint32_t shards_ = 0;
  uint64_t seed_ = 0;
  uint32_t routing_epoch_ = 0;
  std::vector<bool> is_own_;  // by ShardId
  std::unique_ptr<Optimizer> row_optimizer_;
  std::unique_ptr<storage::RowStore> rows_;
  DenseStore dense_;
  Marks marks_;
  KeyLists key_lists_;
  LaneCounters counters_;
  // The last checkpoint's answer, for a request that comes twice.
  std::string saved_directory_;
  net::SaveCheckpointReply saved_;
  // Kept between requests for their memory.
  KeyList no_keys_;
  std::vector<storage::HotRow*> acquired_;
  std::vector<uint64_t> unaligned_keys_;
  std::vector<float> unaligned_rows_;
  std::vector<float> unaligned_dense_;
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_LANE_H_
