#include "worker/pull_talk.h"

#include <algorithm>

#include "base/huge_pages.h"
#include "base/status_macros.h"
#include "net/bf16.h"

namespace caravan::worker {

PullTalk::PullTalk(const LaneMap* map, Millis give_up_after, bool dense_bf16)
    : LaneTalk(give_up_after), map_(map), dense_bf16_(dense_bf16), sent_(map->lanes()) {}

void PullTalk::Begin(const TableKeys& keys, const LaneSplit& split, Parameters& parameters,
                     Millis now) {
  split_ = &split;
  parameters_ = &parameters;
  parameters.rows.resize(keys.size());
  for (uint32_t table = 0; table < keys.size(); ++table) {
    const size_t width = keys[table].empty() ? 0 : map_->width(table);
    parameters.rows[table].resize(keys[table].size() * width);
  }
  if (parameters.dense.empty()) {
    parameters.dense = ReserveHugePages<float>(map_->dense_floats());
  }
  parameters.dense.resize(map_->dense_floats());
  parameters.dense_versions.resize(map_->chunks().size(), 0);
  std::vector<bool> asks(map_->lanes());
  for (uint32_t lane = 0; lane < map_->lanes(); ++lane) {
    asks[lane] = !split[lane].keys.empty() || !map_->LaneChunks(lane).empty();
  }
  LaneTalk::Begin(asks, now);
}

LaneRequest PullTalk::MakeRequest(uint32_t lane, bool with_keys) {
  const LaneKeys& keys = (*split_)[lane];
  LaneRequest request{.lane = lane, .header = {}, .frames = std::vector<net::Frame>(1)};
  net::Pull& pull = *request.header.mutable_pull();
  *pull.mutable_spans() = keys.spans;
  pull.set_keys_signature(keys.signature);
  if (dense_bf16_) pull.set_dense_bf16(true);
  if (parameters_->are_averages) pull.set_averages(true);
  for (const net::DenseChunk& chunk : map_->LaneChunks(lane)) {
    pull.add_chunk_versions(parameters_->dense_versions[Index(chunk.id)]);
  }
  if ((with_keys || !WasSent(lane, keys.signature)) && !keys.keys.empty()) {
    request.frames[0] = net::Frame(keys.keys.data(), keys.keys.size() * sizeof(uint64_t));
    SentLists& sent = sent_[lane];
    sent.signatures[sent.next++ % sent.signatures.size()] = keys.signature;
  }
  return request;
}

absl::Status PullTalk::TakeOk(uint32_t lane, const net::Answer& answer) {
  CARAVAN_ASSIGN_OR_RETURN(const std::span<const float> rows,
                           net::FloatFrame(answer.message, 1, unaligned_));
  CARAVAN_RETURN_IF_ERROR(MergeRows(*map_, (*split_)[lane], rows, parameters_->rows));
  // An answer without changed chunks may leave the frame out.
  if (answer.message.frames.size() < 3 && answer.reply.pull().changed_chunks().empty()) {
    return absl::OkStatus();
  }
  CARAVAN_ASSIGN_OR_RETURN(const std::span<const float> dense,
                           dense_bf16_ ? net::Bf16Frame(answer.message, 2, unaligned_)
                                       : net::FloatFrame(answer.message, 2, unaligned_));
  return MergeChunks(*map_, lane, answer.reply.pull(), dense, *parameters_);
}

bool PullTalk::WasSent(uint32_t lane, uint64_t signature) const {
  return std::ranges::find(sent_[lane].signatures, signature) != sent_[lane].signatures.end();
}

}  // namespace caravan::worker
