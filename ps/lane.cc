#include "ps/lane.h"

#include <limits>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/hash.h"
#include "base/status_macros.h"
#include "conf/split_samples.h"
#include "net/placement.h"
#include "storage/posix_file_system.h"
#include "storage/rocksdb_adapter.h"

namespace caravan::ps {
namespace {

constexpr uint32_t kTablesMax = 65536;  // a table's number has two bytes in a record's key

std::vector<bool> OwnShards(uint32_t shards, const Lane::Options& options) {
  std::vector<bool> is_own(shards);
  const std::vector<uint32_t> lanes = net::ShardLanes(shards, options.lanes_total);
  for (uint32_t shard = 0; shard < shards; ++shard) {
    is_own[shard] = lanes[shard] == Index(options.lane);
  }
  return is_own;
}

std::vector<ShardId> ShardList(const std::vector<bool>& is_own) {
  std::vector<ShardId> shards;
  for (uint32_t shard = 0; shard < is_own.size(); ++shard) {
    if (is_own[shard]) shards.push_back(ShardId{shard});
  }
  return shards;
}

absl::Status CheckSpec(const conf::RunSpec& spec, const Lane::Options& options) {
  const uint32_t shards = spec.job().cluster().shards();
  if (shards == 0 || options.lanes_total == 0 || Index(options.lane) >= options.lanes_total) {
    return absl::InvalidArgumentError(fmt::format("lane {} of {} over {} shards: there is none",
                                                  Index(options.lane), options.lanes_total,
                                                  shards));
  }
  if (spec.model().tables_size() >= static_cast<int>(kTablesMax)) {
    return absl::InvalidArgumentError(fmt::format("the model has {} tables, at most {} are served",
                                                  spec.model().tables_size(), kTablesMax - 1));
  }
  for (const conf::TableSpec& table : spec.model().tables()) {
    if (table.width() == 0) {
      return absl::InvalidArgumentError(fmt::format("table {} has width 0", table.name()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Lane::Lane(const conf::RunSpec& spec, const Options& options)
    : spec_(spec),
      options_(options),
      shards_(spec.job().cluster().shards()),
      seed_(spec.job().training().seed()),
      is_own_(OwnShards(shards_, options)),
      row_optimizer_(MakeRowOptimizer(spec.job().training())),
      dense_(spec, is_own_),
      marks_(ShardList(is_own_), conf::SplitSamples(spec.schema(), "train")),
      key_lists_(KeyLists::Limits{}) {
  if (options_.file_system == nullptr) {
    own_file_system_ = storage::MakePosixFileSystem();
    options_.file_system = own_file_system_.get();
  }
  if (options_.record_stores == nullptr) {
    own_record_stores_ = storage::MakeRocksDbStores();
    options_.record_stores = own_record_stores_.get();
  }
}

Lane::~Lane() = default;

absl::StatusOr<std::unique_ptr<Lane>> Lane::CreateEmpty(const conf::RunSpec& spec,
                                                        const Options& options) {
  CARAVAN_RETURN_IF_ERROR(CheckSpec(spec, options));
  auto lane = std::unique_ptr<Lane>(new Lane(spec, options));
  CARAVAN_RETURN_IF_ERROR(lane->Lock());
  return lane;
}

absl::StatusOr<std::unique_ptr<Lane>> Lane::Create(const conf::RunSpec& spec,
                                                   const Options& options) {
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<Lane> lane, CreateEmpty(spec, options));
  CARAVAN_RETURN_IF_ERROR(lane->Clear());
  lane->dense_.Initialise(spec);
  CARAVAN_RETURN_IF_ERROR(lane->Begin(kFirstLsn));
  return lane;
}

absl::StatusOr<std::unique_ptr<Lane>> Lane::Restore(const conf::RunSpec& spec,
                                                    const Options& options,
                                                    const std::string& checkpoint_directory,
                                                    const conf::Manifest& manifest) {
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<Lane> lane, CreateEmpty(spec, options));
  CARAVAN_RETURN_IF_ERROR(lane->Clear());
  CARAVAN_RETURN_IF_ERROR(lane->RestoreFrom(checkpoint_directory, manifest));
  return lane;
}

uint32_t Lane::ShardOf(TableId table, uint64_t key) const {
  return static_cast<uint32_t>(FrozenHash(Index(table), key) % shards_);
}

uint64_t Lane::resident_bytes() const {
  return rows_->resident_bytes() + dense_.resident_bytes() + key_lists_.bytes();
}

// The code that the sender can act on: its own fault, a list to send, or a fault of ours.
net::Message Lane::Refuse(uint64_t request_id, const absl::Status& status) {
  const std::string text =
      fmt::format("lane {}: {}", Index(options_.lane), std::string(status.message()));
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      ++counters_.requests_rejected;
      return net::MakeError(request_id, net::INVALID, text);
    case absl::StatusCode::kNotFound:
      return net::MakeError(request_id, net::UNKNOWN_KEYS, text);
    case absl::StatusCode::kAborted:
      return net::MakeError(request_id, net::WRONG_ROUTE, text);
    default:
      ++counters_.requests_failed;
      LOG(WARNING) << "refused a request: " << text;
      return net::MakeError(request_id, net::FAILED, text);
  }
}

std::optional<net::Message> Lane::Handle(const net::Message& request, uint64_t ticket) {
  const absl::StatusOr<net::Header> header = net::ParseHeader(request);
  if (!header.ok()) return Refuse(0, header.status());
  if (header->run_id() != options_.run_id) {
    return net::MakeError(header->request_id(), net::WRONG_RUN,
                          fmt::format("lane {} serves run {:016x}, not run {:016x}",
                                      Index(options_.lane), options_.run_id, header->run_id()));
  }
  if (!failure_.ok()) return Refuse(header->request_id(), failure_);
  absl::StatusOr<std::optional<net::Message>> answer = Dispatch(*header, request, ticket);
  return answer.ok() ? *std::move(answer) : Refuse(header->request_id(), answer.status());
}

net::Message Lane::HandleNow(const net::Message& request) {
  constexpr uint64_t kTicket = std::numeric_limits<uint64_t>::max();
  std::optional<net::Message> answer = Handle(request, kTicket);
  while (!answer.has_value()) {
    if (!HasWork()) std::this_thread::yield();  // it is done beside
    for (LateAnswer& late : Work()) {
      if (late.ticket == kTicket) answer = std::move(late.message);
    }
  }
  return *std::move(answer);
}

absl::StatusOr<std::optional<net::Message>> Lane::Dispatch(const net::Header& header,
                                                           const net::Message& request,
                                                           uint64_t ticket) {
  const bool is_routed = header.has_pull() || header.has_push() || header.has_mark_query();
  if (is_routed && header.routing_epoch() < routing_epoch_) {
    return absl::AbortedError(fmt::format("routing epoch {} is over, this is epoch {}",
                                          header.routing_epoch(), routing_epoch_));
  }
  switch (header.body_case()) {
    case net::Header::kPull:
      return HandlePull(header, request);
    case net::Header::kPush: {
      CARAVAN_ASSIGN_OR_RETURN(net::Message answer, HandlePush(header, request));
      return Hold(std::move(answer), ticket);
    }
    case net::Header::kMarkQuery:
      return HandleMarkQuery(header);
    case net::Header::kLedgerQuery:
      return HandleLedgerQuery(header);
    case net::Header::kBlockMarksQuery:
      return HandleBlockMarksQuery(header);
    case net::Header::kSaveCheckpoint:
      return HandleSaveCheckpoint(header, ticket);
    default:
      return absl::InvalidArgumentError(
          fmt::format("a lane takes pull, push, mark, ledger and checkpoint requests, not field {} "
                      "of Header",
                      static_cast<int>(header.body_case())));
  }
}

absl::StatusOr<net::Message> Lane::HandleMarkQuery(const net::Header& header) {
  const net::MarkQuery& query = header.mark_query();
  const uint32_t whole_block = spec_.block_plan().has_block_batches()
                                   ? spec_.block_plan().block_batches()
                                   : std::numeric_limits<uint32_t>::max();
  net::Reply reply;
  reply.set_request_id(header.request_id());
  reply.set_code(net::OK);
  reply.mutable_mark()->set_mark(marks_.Lowest(query.epoch(), query.block(), whole_block));
  return net::MakeMessage(reply);
}

absl::StatusOr<net::Message> Lane::HandleLedgerQuery(const net::Header& header) {
  net::Reply reply;
  reply.set_request_id(header.request_id());
  reply.set_code(net::OK);
  net::LedgerReply& ledger = *reply.mutable_ledger();
  const std::vector<uint64_t> samples = marks_.Samples(header.ledger_query().epoch());
  for (size_t i = 0; i < samples.size(); ++i) {
    ledger.add_shards(Index(marks_.shards()[i]));
    ledger.add_samples(samples[i]);
  }
  return net::MakeMessage(reply);
}

absl::StatusOr<net::Message> Lane::HandleBlockMarksQuery(const net::Header& header) {
  net::Reply reply;
  reply.set_request_id(header.request_id());
  reply.set_code(net::OK);
  net::BlockMarksReply& out = *reply.mutable_block_marks();
  out.set_epoch(marks_.epoch());
  for (const auto& [block, mark] : marks_.Begun()) {
    out.add_blocks(block);
    out.add_marks(mark);
  }
  return net::MakeMessage(reply);
}

}  // namespace caravan::ps
