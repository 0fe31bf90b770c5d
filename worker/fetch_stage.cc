#include "worker/fetch_stage.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "absl/time/time.h"
#include "base/status_macros.h"
#include "data/block_plan.h"
#include "worker/membership.h"

namespace caravan::worker {
namespace {

constexpr absl::Duration kPhasePauseMin = absl::Milliseconds(2);
constexpr absl::Duration kPhasePauseMax = absl::Milliseconds(32);
constexpr uint32_t kLeasePauseMsMax = 10'000;

absl::Status Interrupted() { return absl::CancelledError("the worker was told to leave"); }

}  // namespace

absl::Status AwaitPhase(net::RequestClient& client, uint64_t incarnation, uint64_t phase,
                        const Interrupt& interrupt) {
  net::Header header;
  header.mutable_phase_request()->set_incarnation(incarnation);
  header.mutable_phase_request()->set_phase(phase);
  absl::Duration pause = kPhasePauseMin;
  while (true) {
    CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, client.Call(0, header));
    CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
    if (answer.reply.phase().go()) return absl::OkStatus();
    if (interrupt.WaitFor(pause)) return Interrupted();
    pause = std::min(pause * 2, kPhasePauseMax);
  }
}

FetchStage::FetchStage(const Options& options)
    : options_(options), ps_client_(options.lanes, options.map, AwayPatience(options.run->job())) {}

absl::Status FetchStage::Run() {
  while (!options_.interrupt->IsSet()) {
    CARAVAN_ASSIGN_OR_RETURN(const net::LeaseReply reply, AskForLease());
    switch (reply.kind()) {
      case net::LeaseReply::DONE:
        return absl::OkStatus();
      case net::LeaseReply::WAIT:
        options_.interrupt->WaitFor(
            absl::Milliseconds(std::clamp(reply.wait_ms(), 1U, kLeasePauseMsMax)));
        break;
      case net::LeaseReply::TRAIN:
      case net::LeaseReply::EVALUATE:
        CARAVAN_RETURN_IF_ERROR(FetchBlock(reply));
        break;
    }
  }
  return Interrupted();
}

absl::StatusOr<net::LeaseReply> FetchStage::AskForLease() {
  net::Header header;
  header.mutable_lease_request()->set_incarnation(options_.incarnation);
  CARAVAN_ASSIGN_OR_RETURN(net::Answer answer, options_.scheduler->Call(0, header));
  // A scheduler that does not know this worker (it was taken for dead): join anew.
  if (answer.reply.code() == net::NOT_A_MEMBER) {
    return absl::AbortedError("the scheduler does not know this worker any more");
  }
  CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
  return std::move(*answer.reply.mutable_lease());
}

absl::StatusOr<std::shared_ptr<const BlockLease>> FetchStage::Describe(
    const net::LeaseReply& reply) const {
  auto lease = std::make_shared<BlockLease>();
  lease->train = reply.kind() == net::LeaseReply::TRAIN;
  lease->lease = reply.lease();
  lease->split = reply.split();
  if (lease->split.empty() && lease->train) lease->split = "train";
  lease->epoch = reply.epoch();
  lease->block = reply.block();
  lease->begun_routing_epoch = options_.lanes->routing_epoch();
  lease->learning_rate_scale = reply.has_learning_rate_scale() ? reply.learning_rate_scale() : 1;
  for (const conf::SplitSchema& split : options_.run->schema().splits()) {
    if (split.name() != lease->split) continue;
    const std::vector<data::BlockExtent> blocks = data::Blocks(options_.run->block_plan(), split);
    if (lease->block >= blocks.size()) {
      return absl::InternalError(fmt::format("the scheduler leased block {} of {}, which has {}",
                                             lease->block, lease->split, blocks.size()));
    }
    lease->samples = blocks[lease->block].samples;
    if (reply.batches_end() > 0) {
      const uint64_t batch_size = options_.run->block_plan().batch_size();
      lease->samples = std::min(lease->samples, reply.batches_end() * batch_size);
    }
    return lease;
  }
  return absl::InternalError(
      fmt::format("the scheduler leased a block of split '{}', which the data set does not have",
                  lease->split));
}

absl::Status FetchStage::OpenReader(const std::string& split) {
  if (reader_ != nullptr && reader_split_ == split) return absl::OkStatus();
  reader_.reset();  // one split's series in memory at a time
  CARAVAN_ASSIGN_OR_RETURN(reader_, data::SampleReader::Open(options_.run->data_directory(),
                                                             options_.run->schema(), split));
  reader_split_ = split;
  return absl::OkStatus();
}

absl::Status FetchStage::FetchBlock(const net::LeaseReply& reply) {
  CARAVAN_ASSIGN_OR_RETURN(const std::shared_ptr<const BlockLease> lease, Describe(reply));
  CARAVAN_RETURN_IF_ERROR(OpenReader(lease->split));
  const uint32_t batch_size = options_.run->block_plan().batch_size();
  const auto batches = static_cast<uint32_t>((lease->samples + batch_size - 1) / batch_size);
  uint32_t first = 0;
  if (lease->train) {
    CARAVAN_ASSIGN_OR_RETURN(first, ps_client_.Mark(lease->epoch, lease->block));
  }
  for (uint32_t number = first; number < batches; ++number) {
    CARAVAN_RETURN_IF_ERROR(FetchBatch(lease, number));
  }
  if (!options_.queues->fetched.Push(Fetched{lease, nullptr})) return Interrupted();
  return absl::OkStatus();
}

absl::Status FetchStage::FetchBatch(const std::shared_ptr<const BlockLease>& lease,
                                    uint32_t number) {
  std::optional<std::unique_ptr<PreparedBatch>> free = options_.queues->free.Pop();
  if (!free.has_value()) return Interrupted();
  std::unique_ptr<PreparedBatch> batch = *std::move(free);
  batch->number = number;
  const data::SampleReader::Request request{.seed = options_.run->job().training().seed(),
                                            .epoch = lease->train ? lease->epoch : 0,
                                            .block = lease->block,
                                            .batch = number,
                                            .shuffle = lease->train};
  CARAVAN_RETURN_IF_ERROR(reader_->Read(options_.run->block_plan(), request, batch->samples));
  CARAVAN_RETURN_IF_ERROR(batch->keys.Find(batch->samples.ids));
  SplitByLane(*options_.map, batch->keys.keys(), batch->split);
  if (lease->train) {
    const conf::Consistency consistency = options_.run->job().training().consistency();
    if (consistency != conf::ASYNC) {
      const uint64_t phase = consistency == conf::SYNC ? 2 * batches_begun_ : batches_begun_;
      CARAVAN_RETURN_IF_ERROR(
          AwaitPhase(*options_.scheduler, options_.incarnation, phase, *options_.interrupt));
    }
    ++batches_begun_;
  }
  // In turns of the whole cluster (SYNC) all must pull before any pushes, turn or no turn.
  const bool takes_turn = options_.turns != nullptr && lease->train &&
                          options_.run->job().training().consistency() != conf::SYNC;
  if (takes_turn) {
    CARAVAN_ASSIGN_OR_RETURN(batch->turn, options_.turns->Take(*options_.interrupt));
  }
  CARAVAN_RETURN_IF_ERROR(ps_client_.Pull(batch->keys.keys(), batch->split, batch->parameters));
  if (!options_.queues->fetched.Push(Fetched{lease, std::move(batch)})) return Interrupted();
  return absl::OkStatus();
}

}  // namespace caravan::worker
