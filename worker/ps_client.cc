#include "worker/ps_client.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "absl/time/clock.h"
#include "base/status_macros.h"

namespace caravan::worker {
namespace {

absl::Status OfLane(uint32_t lane, const absl::Status& status) {
  return absl::Status(status.code(),
                      fmt::format("lane {}: {}", lane, std::string(status.message())));
}

}  // namespace

PsClient::PsClient(net::RequestClient* client, const LaneMap* map, Millis give_up_after)
    : client_(client),
      map_(map),
      give_up_after_(give_up_after),
      sent_(map->lanes()),
      asked_(map->lanes()) {}

absl::Status PsClient::Pull(const TableKeys& keys, Parameters& parameters) {
  SplitByLane(*map_, keys, split_);
  return Pull(keys, split_, parameters);
}

absl::Status PsClient::Pull(const TableKeys& keys, const LaneSplit& split, Parameters& parameters) {
  parameters.rows.resize(keys.size());
  for (uint32_t table = 0; table < keys.size(); ++table) {
    const size_t width = keys[table].empty() ? 0 : map_->width(table);
    parameters.rows[table].resize(keys[table].size() * width);
  }
  parameters.dense.resize(map_->dense_floats());
  parameters.dense_versions.resize(map_->chunks().size(), 0);
  for (uint32_t lane = 0; lane < map_->lanes(); ++lane) {
    asked_[lane].pending = !split[lane].keys.empty() || !map_->LaneChunks(lane).empty();
    if (!asked_[lane].pending) continue;
    const bool with_keys = !WasSent(lane, split[lane].signature);
    asked_[lane].ticket = StartPull(lane, split[lane], parameters, with_keys);
  }
  absl::Status result;
  for (uint32_t lane = 0; lane < map_->lanes(); ++lane) {
    if (!asked_[lane].pending) continue;
    if (!result.ok()) {
      client_->Forget(asked_[lane].ticket);
      continue;
    }
    const absl::Status status = FinishPull(lane, split[lane], asked_[lane].ticket, parameters);
    if (!status.ok()) result = OfLane(lane, status);
  }
  return result;
}

uint64_t PsClient::StartPull(uint32_t lane, const LaneKeys& keys, const Parameters& parameters,
                             bool with_keys) {
  net::Header header;
  net::Pull& pull = *header.mutable_pull();
  *pull.mutable_spans() = keys.spans;
  pull.set_keys_signature(keys.signature);
  for (const net::DenseChunk& chunk : map_->LaneChunks(lane)) {
    pull.add_chunk_versions(parameters.dense_versions[Index(chunk.id)]);
  }
  std::vector<net::Frame> frames(1);
  if (with_keys && !keys.keys.empty()) {
    frames[0] = net::Frame(keys.keys.data(), keys.keys.size() * sizeof(uint64_t));
    SentLists& sent = sent_[lane];
    sent.signatures[sent.next++ % sent.signatures.size()] = keys.signature;
  }
  return client_->Start(lane, std::move(header), std::move(frames));
}

absl::Status PsClient::FinishPull(uint32_t lane, const LaneKeys& keys, uint64_t ticket,
                                  Parameters& parameters) {
  const Millis started = clock_.Now();
  bool keys_resent = false;
  while (true) {
    CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, client_->Await(ticket));
    switch (answer.reply.code()) {
      case net::OK:
        return Merge(lane, keys, answer, parameters);
      case net::UNKNOWN_KEYS:
        if (keys_resent) return net::ReplyStatus(answer.reply);
        keys_resent = true;
        break;
      case net::NOT_READY:
        if (clock_.Now() - started > give_up_after_) return net::ReplyStatus(answer.reply);
        absl::SleepFor(absl::FromChrono(kNotReadyPause));
        break;
      default:
        return net::ReplyStatus(answer.reply);
    }
    ticket = StartPull(lane, keys, parameters, /*with_keys=*/true);
  }
}

absl::Status PsClient::Merge(uint32_t lane, const LaneKeys& keys, const net::Answer& answer,
                             Parameters& parameters) {
  CARAVAN_ASSIGN_OR_RETURN(const std::span<const float> rows,
                           net::FloatFrame(answer.message, 1, unaligned_));
  CARAVAN_RETURN_IF_ERROR(MergeRows(*map_, keys, rows, parameters.rows));
  // An answer without changed chunks may leave the frame out.
  if (answer.message.frames.size() < 3 && answer.reply.pull().changed_chunks().empty()) {
    return absl::OkStatus();
  }
  CARAVAN_ASSIGN_OR_RETURN(const std::span<const float> dense,
                           net::FloatFrame(answer.message, 2, unaligned_));
  return MergeChunks(*map_, lane, answer.reply.pull(), dense, parameters);
}

bool PsClient::WasSent(uint32_t lane, uint64_t signature) const {
  return std::ranges::find(sent_[lane].signatures, signature) != sent_[lane].signatures.end();
}

absl::StatusOr<uint32_t> PsClient::Mark(uint32_t epoch, uint32_t block) {
  net::Header header;
  header.mutable_mark_query()->set_epoch(epoch);
  header.mutable_mark_query()->set_block(block);
  for (uint32_t lane = 0; lane < map_->lanes(); ++lane) {
    asked_[lane].ticket = client_->Start(lane, header, {});
  }
  const Millis started = clock_.Now();
  uint32_t lowest = std::numeric_limits<uint32_t>::max();
  for (uint32_t lane = 0; lane < map_->lanes(); ++lane) {
    while (true) {
      CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, client_->Await(asked_[lane].ticket));
      if (answer.reply.code() == net::OK) {
        lowest = std::min(lowest, answer.reply.mark().mark());
        break;
      }
      const bool again =
          answer.reply.code() == net::NOT_READY && clock_.Now() - started < give_up_after_;
      if (!again) return OfLane(lane, net::ReplyStatus(answer.reply));
      absl::SleepFor(absl::FromChrono(kNotReadyPause));
      asked_[lane].ticket = client_->Start(lane, header, {});
    }
  }
  return lowest;
}

}  // namespace caravan::worker
