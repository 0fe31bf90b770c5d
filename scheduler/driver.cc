#include "scheduler/driver.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "conf/fingerprint.h"
#include "fmt/format.h"
#include "glog/logging.h"
#include "net/manifest_file.h"
#include "net/placement.h"
#include "net/socket.h"
#include "scheduler/coordinator.h"
#include "scheduler/journal.h"
#include "scheduler/lane_requests.h"
#include "scheduler/resume_point.h"
#include "scheduler/status.h"
#include "scheduler/wire_events.h"

namespace caravan::scheduler {
namespace {

constexpr Millis kReceiveSlice{10};
constexpr Millis kTick{100};
constexpr Millis kProgressEvery{1000};
constexpr Millis kWarnEvery{5000};
// After the end, for those whose last answer was lost.
constexpr Millis kLinger{500};
constexpr int kMessagesPerTurn = 1000;
constexpr size_t kRefusedPeersNamedMax = 1000;

class Driver {
 public:
  Driver(const SchedulerOptions& options, Observer& observer, const std::atomic<int>& stop_signals)
      : options_(options), observer_(observer), stop_signals_(stop_signals) {}

  absl::Status Prepare() {
    const conf::RunSpec& given = options_.spec;
    checkpoints_directory_ = given.run_directory() + "/checkpoints";
    const std::string journal_path = given.run_directory() + "/journal";
    const std::optional<JournalRecord> before =
        options_.restart ? LastState(journal_path) : std::nullopt;
    ResumePoint from;
    if (!before.has_value()) {
      CARAVAN_ASSIGN_OR_RETURN(from, FindResumePoint(given, checkpoints_directory_,
                                                     options_.resume || options_.restart));
    } else {
      from.next_checkpoint = NextCheckpoint(checkpoints_directory_);
    }
    const conf::BlockPlan& plan = before.has_value() ? before->run().block_plan() : from.block_plan;
    CoordinatorOptions coordinator{.spec = given,
                                   .job_fingerprint = conf::JobFingerprint(given.job()),
                                   .model_fingerprint = conf::ModelFingerprint(given.model()),
                                   .splits = options_.blocks(plan),
                                   .start = from.queue,
                                   .first_checkpoint = from.next_checkpoint,
                                   .first_routing_epoch = from.first_routing_epoch};
    *coordinator.spec.mutable_block_plan() = plan;
    const auto is_training = [](const SplitBlocks& blocks) {
      return blocks.split == "train" && blocks.TotalSamples() > 0;
    };
    if (std::none_of(coordinator.splits.begin(), coordinator.splits.end(), is_training)) {
      return absl::InvalidArgumentError("the training split has no samples");
    }
    CARAVAN_ASSIGN_OR_RETURN(router_, net::RouterSocket::Bind(context_, options_.listen));
    last_tick_ = last_progress_ = clock_.Now();
    context_of_answers_.run_spec = coordinator.spec.SerializeAsString();
    // While servers are missing; they serve no one who follows an earlier scheduler's routing.
    context_of_answers_.routing.set_epoch(from.first_routing_epoch - 1);
    context_of_answers_.lanes_total =
        given.job().cluster().servers() * given.job().cluster().lanes();
    coordinator_ = std::make_unique<Coordinator>(coordinator, last_tick_);
    if (before.has_value()) CARAVAN_RETURN_IF_ERROR(coordinator_->SetState(*before));
    job_fingerprint_ = coordinator.job_fingerprint;
    model_fingerprint_ = coordinator.model_fingerprint;
    journal_ = std::make_unique<Journal>(journal_path,
                                         given.job().cluster().durability() == conf::POWER_LOSS);
    KeepJournal();
    const std::string start = from.directory.empty() ? "the initial state" : from.directory;
    LOG(INFO) << fmt::format("scheduler listens at {} run={:016x} job={:016x} from={}",
                             router_->endpoint(), given.run_id(), job_fingerprint_,
                             before.has_value() ? journal_path : start);
    return absl::OkStatus();
  }

  absl::Status Run() {
    std::optional<Millis> ended_at;
    while (!ended_at.has_value() || clock_.Now() - *ended_at < kLinger) {
      CARAVAN_RETURN_IF_ERROR(ReceiveAll());
      if (lanes_ != nullptr) {
        for (Event& event : lanes_->Poll(clock_.Now())) events_.push_back(std::move(event));
      }
      const int signals = stop_signals_;
      if (signals > signals_seen_) events_.push_back(StopRequest{.checkpoint_first = signals < 2});
      signals_seen_ = signals;
      const Millis now = clock_.Now();
      if (now - last_tick_ >= kTick) {
        last_tick_ = now;
        events_.push_back(TimePassed{});
      }
      StepAll();
      if (now - last_progress_ >= kProgressEvery && !ended_) TellProgress(now);
      if (ended_ && !ended_at.has_value()) ended_at = now;
    }
    return coordinator_->end_status();
  }

 private:
  // Of the scheduler before. Without it the run goes on from its last checkpoint, as if all others
  // had been killed too.
  static std::optional<JournalRecord> LastState(const std::string& path) {
    uint64_t bytes_cut = 0;
    absl::StatusOr<JournalRecord> state = ReadJournal(path, bytes_cut);
    if (!state.ok()) {
      LOG(WARNING) << "the journal is of no use, members are to join anew: " << state.status();
      return std::nullopt;
    }
    if (bytes_cut > 0) LOG(WARNING) << path << ": a torn end of " << bytes_cut << " bytes is cut";
    return *std::move(state);
  }

  void KeepJournal() {
    const std::optional<JournalRecord> changes = coordinator_->TakeChanges();
    if (!changes.has_value()) return;
    const absl::Status status = journal_->Write(*changes);
    if (status.ok()) return;
    coordinator_->TakeChangesAnew();
    const Millis now = clock_.Now();
    if (now - journal_told_ < kWarnEvery) return;
    journal_told_ = now;
    LOG(WARNING) << "there is no journal until it can be written: " << status;
  }

  absl::Status ReceiveAll() {
    Millis timeout = kReceiveSlice;
    for (int i = 0; i < kMessagesPerTurn; ++i) {
      CARAVAN_ASSIGN_OR_RETURN(std::optional<net::RouterSocket::Received> received,
                               router_->Receive(timeout));
      if (!received.has_value()) break;
      net::Reply reply = Answer(received->message);
      // A peer that is gone, or does not read its answers, asks again when it is back.
      if (const absl::Status sent = router_->Send(received->identity, net::MakeMessage(reply));
          !sent.ok()) {
        VLOG(1) << "an answer is lost: " << sent;
      }
      timeout = Millis{0};
    }
    return absl::OkStatus();
  }

  net::Reply Answer(const net::Message& message) {
    const absl::StatusOr<net::Header> header = net::ParseHeader(message);
    if (!header.ok()) {
      ++messages_rejected_;
      return Refuse(0, net::INVALID, std::string(header.status().message()));
    }
    const uint64_t id = header->request_id();
    if (header->run_id() != 0 && header->run_id() != options_.spec.run_id()) {
      const std::string why = fmt::format("another run: it belongs to {:016x}, this is {:016x}",
                                          header->run_id(), options_.spec.run_id());
      ++wrong_run_;
      LogRefusal(*header, why);
      return Refuse(id, header->has_hello() ? net::REFUSED : net::WRONG_RUN, why);
    }
    if (header->has_status_request()) return AnswerStatus(id);
    absl::StatusOr<Event> event = EventOf(*header);
    if (!event.ok()) {
      ++messages_rejected_;
      return Refuse(id, net::INVALID, std::string(event.status().message()));
    }
    if (header->hello().role() == net::SERVER) NameCheckpoint();
    std::optional<net::Reply> reply = Step(*event);
    // The coordinator answers every request; not to have one is a bug of ours, not the peer's.
    CHECK(reply.has_value()) << "no answer to " << header->ShortDebugString();
    reply->set_request_id(id);
    if (reply->code() == net::REFUSED) LogRefusal(*header, reply->message());
    return *std::move(reply);
  }

  net::Reply AnswerStatus(uint64_t request_id) {
    StatusContext context{.messages_rejected = messages_rejected_ + router_->messages_rejected(),
                          .peers_refused = wrong_run_,
                          .last_checkpoint = last_checkpoint_,
                          .last_evaluation = last_evaluation_,
                          .last_ledger = last_ledger_};
    const absl::StatusOr<std::string> json =
        StatusJson(MakeStatus(*coordinator_, context, clock_.Now()));
    if (!json.ok()) return Refuse(request_id, net::FAILED, std::string(json.status().message()));
    net::Reply reply;
    reply.set_request_id(request_id);
    reply.set_code(net::OK);
    reply.mutable_status()->set_json(*json);
    return reply;
  }

  static net::Reply Refuse(uint64_t request_id, net::Code code, const std::string& why) {
    net::Reply reply;
    reply.set_request_id(request_id);
    reply.set_code(code);
    reply.set_message(why);
    return reply;
  }

  // Once a peer, so that one that insists does not fill the log.
  void LogRefusal(const net::Header& header, const std::string& why) {
    if (refused_named_.size() >= kRefusedPeersNamedMax ||
        !refused_named_.insert(header.sender()).second) {
      return;
    }
    LOG(WARNING) << fmt::format("peer {:016x} (host {}, pid {}) is refused: {}", header.sender(),
                                PlainText(header.host()), header.pid(), why);
  }

  // What a server that joins is to restore, if it must.
  void NameCheckpoint() {
    const absl::StatusOr<std::string> latest = net::LatestCheckpoint(checkpoints_directory_);
    if (!latest.ok() && !absl::IsNotFound(latest.status())) LOG(WARNING) << latest.status();
    context_of_answers_.restore_directory = latest.ok() ? *latest : "";
  }

  void StepAll() {
    while (!events_.empty()) {
      const Event event = std::move(events_.front());
      events_.pop_front();
      Step(event);
    }
  }

  // Does what the coordinator says; returns its answer where the event was a request.
  std::optional<net::Reply> Step(const Event& event) {
    const std::vector<Action> actions = coordinator_->Step(event, clock_.Now());
    KeepJournal();
    if (coordinator_->routing_epoch() > context_of_answers_.routing.epoch()) MakeRouting();
    std::optional<net::Reply> reply;
    for (const Action& action : actions) {
      if (std::optional<net::Reply> answer = ReplyOf(action, context_of_answers_)) {
        reply = std::move(answer);
      } else {
        std::visit([this](const auto& one) { Do(one); }, action);
      }
    }
    return reply;
  }

  void MakeRouting() {
    net::Routing& routing = context_of_answers_.routing;
    routing.Clear();
    routing.set_epoch(coordinator_->routing_epoch());
    for (std::string& endpoint : coordinator_->membership().LaneEndpoints()) {
      routing.add_lane_endpoints(std::move(endpoint));
    }
    const uint32_t shards = options_.spec.job().cluster().shards();
    for (const uint32_t lane : net::ShardLanes(shards, context_of_answers_.lanes_total)) {
      routing.add_shard_lanes(lane);
    }
    if (lanes_ != nullptr) lanes_->Reroute(routing);
  }

  // Answers are sent by ReceiveAll.
  template <typename AnswerAction>
  void Do(const AnswerAction&) {}

  void Do(const CountLedger& order) {
    if (const absl::Status status = ConnectLanes(); !status.ok()) {
      events_.push_back(LedgerCounted{
          .epoch = order.epoch, .routing_epoch = order.routing_epoch, .status = status});
      return;
    }
    lanes_->StartLedger(order);
  }
  void Do(const CollectMarks& order) {
    if (const absl::Status status = ConnectLanes(); !status.ok()) {
      events_.push_back(MarksCollected{.routing_epoch = order.routing_epoch, .status = status});
      return;
    }
    lanes_->StartMarks(order);
  }
  void Do(const WriteCheckpoint& order) {
    if (const absl::Status status = ConnectLanes(); !status.ok()) {
      events_.push_back(CheckpointEnded{order.checkpoint, status});
      return;
    }
    lanes_->StartCheckpoint(order, clock_.Now());
  }
  void Do(const DropCheckpoint& order) {
    if (lanes_ != nullptr) lanes_->DropCheckpoint(order.checkpoint);
  }
  void Do(const CheckpointWritten& checkpoint) {
    const WrittenCheckpoint& written = lanes_->written();
    last_checkpoint_.emplace();
    last_checkpoint_->set_number(static_cast<double>(checkpoint.checkpoint));
    last_checkpoint_->set_directory(written.directory);
    last_checkpoint_->set_seconds(written.seconds);
    LOG(INFO) << fmt::format("checkpoint={} written in {:.2f} s", written.directory,
                             written.seconds);
    observer_.OnCheckpoint(written.directory, written.seconds);
  }
  void Do(const EpochEnded& epoch) {
    const EpochSummary& summary = epoch.summary;
    LOG(INFO) << fmt::format("epoch={} done in {:.1f} s loss={:.5f} ledger={} samples a shard",
                             summary.epoch, summary.seconds, summary.sums.loss(),
                             summary.ledger_expected);
    last_ledger_.emplace();
    last_ledger_->set_epoch(summary.epoch);
    last_ledger_->set_samples(static_cast<double>(summary.ledger_expected));
    last_ledger_->set_shards(static_cast<double>(summary.ledger.size()));
    observer_.OnEpoch(summary);
  }
  void Do(const EvaluationEnded& ended) {
    last_evaluation_ = SummariseEvaluation(ended.evaluation);
    LOG(INFO) << fmt::format("evaluation split={} epoch={} samples={} nmae={:.4f} smape={:.4f}",
                             ended.evaluation.split, ended.evaluation.epoch,
                             ended.evaluation.samples, last_evaluation_->nmae(),
                             last_evaluation_->smape());
    observer_.OnEvaluation(ended.evaluation);
  }
  void Do(const RunEnded& end) {
    ended_ = true;
    observer_.OnRunEnd(end.status);
  }
  void Do(const LogLine& line) {
    if (line.warning) {
      LOG(WARNING) << line.text;
    } else {
      LOG(INFO) << line.text;
    }
  }

  absl::Status ConnectLanes() {
    if (lanes_ != nullptr) return absl::OkStatus();
    conf::RunSpec spec = coordinator_->spec();
    CARAVAN_ASSIGN_OR_RETURN(lanes_,
                             LaneRequests::Connect(context_, context_of_answers_.routing,
                                                   {.spec = std::move(spec),
                                                    .job_fingerprint = job_fingerprint_,
                                                    .model_fingerprint = model_fingerprint_,
                                                    .checkpoints_directory = checkpoints_directory_,
                                                    .kill_points = options_.kill_points}));
    return absl::OkStatus();
  }

  void TellProgress(Millis now) {
    last_progress_ = now;
    uint64_t resident_bytes = 0;
    for (const auto& [incarnation, member] : coordinator_->membership().members()) {
      resident_bytes += member.resident_bytes;
    }
    observer_.OnProgress({.seconds = static_cast<double>(coordinator_->elapsed().count()) / 1000,
                          .epoch = coordinator_->epoch(),
                          .phase = std::string(PhaseName(*coordinator_)),
                          .since_last = coordinator_->meter().TakeSinceLast(),
                          .total = coordinator_->meter().total(),
                          .batches_done = coordinator_->batches_done(),
                          .batches_total = coordinator_->batches_total(),
                          .samples_per_s = coordinator_->meter().SamplesPerSecond(now),
                          .workers_alive = coordinator_->membership().Count(net::WORKER),
                          .resident_bytes = resident_bytes,
                          .learning_rate_scale = coordinator_->learning_rate_scale()});
  }

  const SchedulerOptions& options_;
  Observer& observer_;
  const std::atomic<int>& stop_signals_;
  const SystemClock clock_;
  net::Context context_;  // outlives the sockets
  std::unique_ptr<net::RouterSocket> router_;
  std::unique_ptr<LaneRequests> lanes_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<Journal> journal_;
  std::deque<Event> events_;
  AnswerContext context_of_answers_;
  std::string checkpoints_directory_;
  uint64_t job_fingerprint_ = 0;
  uint64_t model_fingerprint_ = 0;
  int signals_seen_ = 0;
  bool ended_ = false;
  Millis last_tick_{0};
  Millis last_progress_{0};
  Millis journal_told_ = -kWarnEvery;  // that it cannot be written
  uint64_t messages_rejected_ = 0;
  uint64_t wrong_run_ = 0;
  std::set<uint64_t> refused_named_;
  std::optional<CheckpointStatus> last_checkpoint_;
  std::optional<EvaluationStatus> last_evaluation_;
  std::optional<LedgerStatus> last_ledger_;
};

}  // namespace

absl::Status RunScheduler(const SchedulerOptions& options, Observer& observer,
                          const std::atomic<int>& stop_signals) {
  Driver driver(options, observer, stop_signals);
  CARAVAN_RETURN_IF_ERROR(driver.Prepare());
  return driver.Run();
}

}  // namespace caravan::scheduler
