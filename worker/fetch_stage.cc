#include "worker/fetch_stage.h"

#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "base/status_macros.h"
#include "worker/membership.h"

namespace caravan::worker {
namespace {

absl::Status Interrupted() { return absl::CancelledError("the worker was told to leave"); }

net::Header PhaseHeader(uint64_t incarnation, uint64_t phase) {
  net::Header header;
  header.mutable_phase_request()->set_incarnation(incarnation);
  header.mutable_phase_request()->set_phase(phase);
  return header;
}

}  // namespace

absl::Status AwaitPhase(net::RequestClient& client, uint64_t incarnation, uint64_t phase,
                        const Interrupt& interrupt) {
  PhasePause pause;
  while (true) {
    CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer,
                             client.Call(0, PhaseHeader(incarnation, phase)));
    CARAVAN_RETURN_IF_ERROR(CheckKnown(answer.reply));
    if (answer.reply.phase().go()) return absl::OkStatus();
    if (interrupt.WaitFor(absl::FromChrono(pause.Next()))) return Interrupted();
  }
}

FetchStage::FetchStage(const Options& options)
    : options_(options),
      ps_client_(options.lanes, options.map, AwayPatience(options.run->job()),
                 options.run->job().worker().transfer() == conf::BF16),
      order_(options.run) {}

absl::Status FetchStage::Run() {
  std::vector<BlockOrder::Action> actions = order_.Step(BlockOrder::TimePassed{}, clock_.Now());
  while (!options_.interrupt->IsSet()) {
    std::optional<BlockOrder::Event> event;
    for (const BlockOrder::Action& action : actions) {
      if (const auto* leave = std::get_if<BlockOrder::Leave>(&action)) return leave->status;
      CARAVAN_ASSIGN_OR_RETURN(event,
                               std::visit([this](const auto& one) { return Do(one); }, action));
    }
    actions = order_.Step(*event, clock_.Now());
  }
  return Interrupted();
}

absl::StatusOr<FetchStage::Next> FetchStage::Do(const BlockOrder::AskLease&) {
  net::Header header;
  header.mutable_lease_request()->set_incarnation(options_.incarnation);
  CARAVAN_ASSIGN_OR_RETURN(net::Answer answer, options_.scheduler->Call(0, header));
  return BlockOrder::LeaseAnswered{std::move(answer.reply), options_.lanes->routing_epoch()};
}

absl::StatusOr<FetchStage::Next> FetchStage::Do(const BlockOrder::AskMark&) {
  const BlockLease& lease = *order_.lease();
  CARAVAN_ASSIGN_OR_RETURN(const uint32_t mark, ps_client_.Mark(lease.epoch, lease.block));
  return BlockOrder::MarkFound{mark};
}

absl::StatusOr<FetchStage::Next> FetchStage::Do(const BlockOrder::ReadBatch& action) {
  const BlockLease& lease = *order_.lease();
  CARAVAN_RETURN_IF_ERROR(OpenReader(lease.split));
  std::optional<std::unique_ptr<PreparedBatch>> free = options_.queues->free.Pop();
  if (!free.has_value()) return Interrupted();
  batch_ = *std::move(free);
  batch_->number = action.number;
  const data::SampleReader::Request request{.seed = options_.run->job().training().seed(),
                                            .epoch = lease.train ? lease.epoch : 0,
                                            .block = lease.block,
                                            .batch = action.number,
                                            .shuffle = lease.train};
  CARAVAN_RETURN_IF_ERROR(reader_->Read(options_.run->block_plan(), request, batch_->samples));
  CARAVAN_RETURN_IF_ERROR(batch_->keys.Find(batch_->samples.ids));
  SplitByLane(*options_.map, batch_->keys.keys(), batch_->split);
  return BlockOrder::BatchRead{};
}

absl::StatusOr<FetchStage::Next> FetchStage::Do(const BlockOrder::AskPhase& action) {
  CARAVAN_ASSIGN_OR_RETURN(
      net::Answer answer,
      options_.scheduler->Call(0, PhaseHeader(options_.incarnation, action.phase)));
  return BlockOrder::PhaseAnswered{std::move(answer.reply)};
}

absl::StatusOr<FetchStage::Next> FetchStage::Do(const BlockOrder::PullBatch&) {
  // In turns of the whole cluster (SYNC) all must pull before any pushes, turn or no turn.
  const bool takes_turn = options_.turns != nullptr && order_.lease()->train &&
                          options_.run->job().training().consistency() != conf::SYNC;
  if (takes_turn) {
    CARAVAN_ASSIGN_OR_RETURN(batch_->turn, options_.turns->Take(*options_.interrupt));
  }
  // What training starts from are the weights themselves.
  batch_->parameters.SetAverages(!order_.lease()->train &&
                                 options_.run->job().training().has_weight_averaging());
  CARAVAN_RETURN_IF_ERROR(ps_client_.Pull(batch_->keys.keys(), batch_->split, batch_->parameters));
  if (!options_.queues->fetched.Push(Fetched{order_.lease(), std::move(batch_)})) {
    return Interrupted();
  }
  return BlockOrder::BatchPulled{};
}

absl::StatusOr<FetchStage::Next> FetchStage::Do(const BlockOrder::EndBlock& action) {
  if (!options_.queues->fetched.Push(Fetched{action.lease, nullptr})) return Interrupted();
  return std::nullopt;
}

absl::StatusOr<FetchStage::Next> FetchStage::Do(const BlockOrder::WakeAt& action) {
  options_.interrupt->WaitFor(absl::FromChrono(action.time - clock_.Now()));
  return BlockOrder::TimePassed{};
}

absl::StatusOr<FetchStage::Next> FetchStage::Do(const BlockOrder::Leave& action) {
  CARAVAN_RETURN_IF_ERROR(action.status);
  return std::nullopt;
}

absl::Status FetchStage::OpenReader(const std::string& split) {
  if (reader_ != nullptr && reader_split_ == split) return absl::OkStatus();
  reader_.reset();  // one split's series in memory at a time
  CARAVAN_ASSIGN_OR_RETURN(reader_, data::SampleReader::Open(options_.run->data_directory(),
                                                             options_.run->schema(), split));
  reader_split_ = split;
  return absl::OkStatus();
}

}  // namespace caravan::worker
