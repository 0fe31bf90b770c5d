// A lane: the state machine behind one socket of a server. It owns its shards outright: their rows,
// dense chunks, marks and ledger. No thread, clock or socket in it; the same requests in the same
// order give the same bits. What is slow (flushing the cold rows, linking and reading files) is
// done by Options::side and writer, in calls of Work where there is none.
//
// Whatever a request holds, it gets an answer: INVALID with the reason where it breaks a bound,
// WRONG_RUN, WRONG_ROUTE, UNKNOWN_KEYS, FAILED. A push changes everything or nothing.
#ifndef CARAVAN_PS_LANE_H_
#define CARAVAN_PS_LANE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "base/kill_point.h"
#include "base/side_thread.h"
#include "conf/manifest.pb.h"
#include "conf/run_spec.pb.h"
#include "net/message.h"
#include "ps/checkpoint_files.h"
#include "ps/dense_store.h"
#include "ps/imaging.h"
#include "ps/key_lists.h"
#include "ps/marks.h"
#include "ps/optimizers/optimizer.h"
#include "ps/push_record.h"
#include "storage/file_system.h"
#include "storage/push_log.h"
#include "storage/record_key.h"
#include "storage/record_store.h"
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
    std::string data_directory;  // the lane's own: log, images, cold rows; locked while it lives
    // Outlive the lane. Null: the machine's own disk, RocksDB, no side threads, nothing armed.
    storage::FileSystem* file_system = nullptr;
    storage::RecordStores* record_stores = nullptr;
    SideThread* side = nullptr;    // what may take long: a checkpoint's files
    SideThread* cold = nullptr;    // the cold store's part of an image
    SideThread* writer = nullptr;  // what the lane goes on with: images, the log's segments
    KillPoints* kill_points = nullptr;
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

  // What a lane of the same run and number has left in its folder when its process was killed, to
  // the bit (under POWER_LOSS: when its machine was). Errors: NOT_FOUND where nothing is left,
  // FAILED_PRECONDITION where it is another run's or lane's, is in use, or was not meant to survive
  // what happened, DATA_LOSS names what is damaged. The folder is as it was then.
  static absl::StatusOr<std::unique_ptr<Lane>> Recover(const conf::RunSpec& spec,
                                                       const Options& options);
  ~Lane();

  // The answer; or none yet, and Work hands it out under `ticket`: a checkpoint's, and under
  // POWER_LOSS a push's.
  std::optional<net::Message> Handle(const net::Message& request, uint64_t ticket);
  struct LateAnswer {
    uint64_t ticket = 0;
    net::Message message;
  };
  // To be called between requests: while HasWork, and now and then. Syncs what is to be
  // acknowledged and does a slice (at most about a millisecond) of what is under way.
  std::vector<LateAnswer> Work();
  bool HasWork() const;
  // Why the lane must end, once it must: it does not know any more what its disk has. OK until
  // then.
  const absl::Status& failure() const { return failure_; }
  // Handle, then Work until the answer is there: for a caller that has nothing else to do.
  net::Message HandleNow(const net::Message& request);

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
  storage::PushLogOptions LogOptions() const;
  absl::StatusOr<std::optional<net::Message>> Dispatch(const net::Header& header,
                                                       const net::Message& request,
                                                       uint64_t ticket);
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
  absl::StatusOr<net::Frame> ReadRows(const KeyList& list, storage::RowPart part);
  net::Frame ReadChunks(const net::Pull& pull, net::PullReply& reply) const;

  // push.cc
  std::optional<net::Message> Hold(net::Message answer, uint64_t ticket);
  absl::Status LogPush(const PushRecord& record);
  void Apply(const PushRecord& record, uint64_t lsn);
  struct Gradients {
    std::span<const float> rows;
    std::span<const float> dense;
  };
  absl::StatusOr<net::Message> HandlePush(const net::Header& header, const net::Message& request);
  absl::StatusOr<Batch> CheckTag(const net::Push& push) const;
  absl::StatusOr<Gradients> CheckGradients(const Batch& batch, const net::Push& push,
                                           const KeyList& list, const net::Message& request);
  static absl::Status CheckFinite(const PushRecord& record);
  absl::Status AcquireRows(std::span<const KeyList::Span> spans, std::span<const uint64_t> keys);
  void UpdateRows(const PushRecord& record, uint64_t lsn, const std::vector<bool>& shard_needs);
  void UpdateChunks(const PushRecord& record, uint64_t lsn, const std::vector<bool>& shard_needs);

  // lane_work.cc: checkpoints, the log's length, held answers
  std::optional<net::Message> HandleSaveCheckpoint(const net::Header& header, uint64_t ticket);
  absl::Status CheckCheckpointDirectory(const std::string& directory) const;
  net::Message MakeSaved(uint64_t request_id) const;
  void BeginImage(std::string checkpoint);
  void FinishImage(const Imaging::Result& result);
  void FinishSaving(const absl::Status& status, std::span<const CheckpointFiles::File> files);
  void BoundLog();
  void ReleaseHeld();

  // checkpoint_restore.cc
  absl::Status RestoreFrom(const std::string& directory, const conf::Manifest& manifest);
  absl::Status RestoreShard(storage::RecordStore& from, ShardId shard);
  absl::StatusOr<storage::RecordKey> CheckKey(std::string_view bytes) const;
  absl::Status RestoreState(const storage::RecordKey& key, std::string_view value);

  // lane_recovery.cc
  absl::Status Lock();
  absl::Status Clear();
  absl::Status OpenRows(std::unique_ptr<storage::RecordStore> records);
  absl::Status Begin(uint64_t lsn);
  absl::Status BeginFrom(LaneState state, uint64_t lsn, uint64_t log_number);
  absl::Status CheckState(const LaneState& state, bool power_was_lost) const;
  absl::Status RecoverFrom(const LaneState& state, bool power_was_lost);
  absl::Status LoadImages(const LaneState& state);
  absl::Status LoadEntries(std::span<const storage::ImageEntry> entries, bool is_last);
  absl::Status Replay(const storage::FileRecord& record);
  void OpenImaging(LaneState state);

  uint32_t ShardOf(TableId table, uint64_t key) const;

  // Where Options has none.
  std::unique_ptr<storage::FileSystem> own_file_system_;
  std::unique_ptr<storage::RecordStores> own_record_stores_;
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
  std::unique_ptr<storage::FileLock> lock_;
  std::unique_ptr<Imaging> imaging_;
  std::unique_ptr<CheckpointFiles> checkpoint_files_;
  std::unique_ptr<storage::PushLog> log_;  // null under CHECKPOINT
  uint64_t lsn_ = kFirstLsn;               // of the last push applied
  uint64_t log_bytes_ = 0;                 // appended since the last image began
  uint64_t image_log_bytes_ = 0;           // before it, since the one before
  uint64_t log_bytes_retry_ = 0;           // an image that failed is tried again beyond it
  absl::Status failure_;
  std::vector<LateAnswer> held_;  // until the log is synced
  std::vector<LateAnswer> late_answers_;
  // The checkpoint under way or asked for, and who waits for it.
  struct Waiter {
    uint64_t ticket = 0;
    uint64_t request_id = 0;
  };
  std::string saving_directory_;  // empty: none
  bool is_saving_ = false;        // its image is begun, or its files are being synced
  uint64_t saved_lsn_ = 0;        // of its image
  uint64_t saved_rows_ = 0;
  std::vector<Waiter> waiters_;
  // The last checkpoint's answer, for a request that comes twice.
  std::string saved_directory_;
  net::SaveCheckpointReply saved_;
  LaneCounters counters_;
  // Kept between requests for their memory.
  KeyList no_keys_;
  std::vector<storage::HotRow*> acquired_;
  std::vector<uint64_t> unaligned_keys_;
  std::vector<float> unaligned_rows_;
  std::vector<float> unaligned_dense_;
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_LANE_H_
