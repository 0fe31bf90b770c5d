// Lane: pushes. Everything is checked and every row is in memory before the first float changes, so
// that a push is applied whole or not at all.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/flush_denormals.h"
#include "base/status_macros.h"
#include "net/bf16.h"
#include "ps/first_values.h"
#include "ps/lane.h"

namespace caravan::ps {
namespace {

constexpr uint32_t kBlocksMax = 1 << 24;   // of an epoch
constexpr uint32_t kBatchesMax = 1 << 20;  // of a block whose plan is not known
constexpr size_t kRowsAhead = 6;           // asked of memory ahead of their update

bool AllFinite(std::span<const float> values) {
  bool finite = true;
  for (const float value : values) finite &= std::fabs(value) <= 3.4028235e38F;
  return finite;
}

std::string TagText(const Batch& batch) {
  return fmt::format("epoch {} block {} batch {}", batch.epoch, batch.block, batch.batch);
}

void PrefetchRow(const storage::HotRow* row, size_t floats) {
  const auto* bytes = reinterpret_cast<const std::byte*>(row);
  const size_t size = std::min<size_t>(sizeof(*row) + floats * sizeof(float), 512);
  for (size_t at = 0; at < size; at += 64) __builtin_prefetch(bytes + at, 1);
}

}  // namespace

absl::StatusOr<Batch> Lane::CheckTag(const net::Push& push) const {
  const net::BatchTag& tag = push.tag();
  const Batch batch{
      .epoch = tag.epoch(), .block = tag.block(), .batch = tag.batch(), .samples = tag.samples()};
  if (!tag.has_epoch() || !tag.has_block() || !tag.has_batch()) {
    return absl::InvalidArgumentError("a push without epoch, block and batch");
  }
  const conf::BlockPlan& plan = spec_.block_plan();
  const uint32_t epochs = spec_.job().training().epochs();
  const uint32_t batches = plan.has_block_batches() ? plan.block_batches() : kBatchesMax;
  const uint32_t samples =
      plan.has_batch_size() ? plan.batch_size() : spec_.job().training().batch_size();
  if (batch.epoch >= epochs || batch.block >= kBlocksMax || batch.batch >= batches) {
    return absl::InvalidArgumentError(
        fmt::format("push of {}: this run has {} epochs, at most {} blocks, {} batches a block",
                    TagText(batch), epochs, kBlocksMax, batches));
  }
  if (batch.samples == 0 || batch.samples > samples) {
    return absl::InvalidArgumentError(fmt::format("push of {} has {} samples, not 1 to {}",
                                                  TagText(batch), batch.samples, samples));
  }
  if (!(push.learning_rate_scale() >= 0) || !std::isfinite(push.learning_rate_scale())) {
    return absl::InvalidArgumentError(
        fmt::format("push of {}: learning_rate_scale {} is not finite and at least 0",
                    TagText(batch), push.learning_rate_scale()));
  }
  return batch;
}

absl::StatusOr<Lane::Gradients> Lane::CheckGradients(const Batch& batch, const net::Push& push,
                                                     const KeyList& list,
                                                     const net::Message& request) {
  Gradients gradients;
  if (request.frames.size() > 2) {
    CARAVAN_ASSIGN_OR_RETURN(gradients.rows, net::FloatFrame(request, 2, unaligned_rows_));
  }
  if (request.frames.size() > 3) {
    const auto read = push.dense_bf16() ? net::Bf16Frame : net::FloatFrame;
    CARAVAN_ASSIGN_OR_RETURN(gradients.dense, read(request, 3, unaligned_dense_));
  }
  if (gradients.rows.size() != list.floats) {
    return absl::InvalidArgumentError(fmt::format("push of {}: {} row gradients for {} weights",
                                                  TagText(batch), gradients.rows.size(),
                                                  list.floats));
  }
  if (gradients.dense.size() != dense_.floats()) {
    return absl::InvalidArgumentError(fmt::format("push of {}: {} dense gradients for {} weights",
                                                  TagText(batch), gradients.dense.size(),
                                                  dense_.floats()));
  }
  return gradients;
}

absl::Status Lane::CheckFinite(const PushRecord& record) {
  const bool are_rows_finite = AllFinite(record.rows);
  if (are_rows_finite && AllFinite(record.dense)) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("push of {}: {} gradients hold NaN or infinity",
                                                TagText(record.batch),
                                                are_rows_finite ? "dense" : "row"));
}

absl::Status Lane::AcquireRows(std::span<const KeyList::Span> spans,
                               std::span<const uint64_t> keys) {
  rows_->BeginBatch();
  acquired_.assign(keys.size(), nullptr);
  for (const KeyList::Span& span : spans) {
    const conf::TableSpec& table = spec_.model().tables(static_cast<int>(Index(span.table)));
    const InitialDistribution distribution = DistributionOf(table.initializer());
    const auto initial = [&](uint64_t key, std::span<float> floats) {
      const std::span<float> weights = floats.first(table.width());
      InitialRow(distribution, seed_, Index(span.table), key, weights);
      row_optimizer_->InitialSlots(weights, floats.subspan(table.width()));
    };
    CARAVAN_RETURN_IF_ERROR(rows_->Acquire(span.table, keys.subspan(span.first, span.count),
                                           initial,
                                           std::span(acquired_).subspan(span.first, span.count)));
  }
  return absl::OkStatus();
}

// shard_needs: by ShardId; empty: all do. A row that has the push already is left as it is.
void Lane::UpdateRows(const PushRecord& record, uint64_t lsn,
                      const std::vector<bool>& shard_needs) {
  std::span<const float> gradients = record.rows;
  for (const KeyList::Span& span : record.spans) {
    const size_t width = spec_.model().tables(static_cast<int>(Index(span.table))).width();
    const size_t slot_floats = width * row_optimizer_->slots_per_weight();
    const size_t end = span.first + span.count;
    for (size_t i = span.first; i < end; ++i) {
      if (i + kRowsAhead < end) PrefetchRow(acquired_[i + kRowsAhead], width + slot_floats);
      const std::span<const float> gradient = gradients.first(width);
      gradients = gradients.subspan(width);
      if (!shard_needs.empty() && !shard_needs[ShardOf(span.table, record.keys[i])]) continue;
      storage::HotRow* row = acquired_[i];
      if (row->version >= lsn) continue;
      row->version = lsn;
      ++row->steps;
      row->dirty = true;
      row_optimizer_->Update(gradient, record.rate_scale, row->steps,
                             std::span(row->floats(), width),
                             std::span(row->floats() + width, slot_floats));
    }
  }
}

void Lane::UpdateChunks(const PushRecord& record, uint64_t lsn,
                        const std::vector<bool>& shard_needs) {
  std::span<const float> gradients = record.dense;
  for (size_t i = 0; i < dense_.chunks().size(); ++i) {
    const net::DenseChunk& chunk = dense_.chunks()[i];
    const std::span<const float> gradient = gradients.first(chunk.size);
    gradients = gradients.subspan(chunk.size);
    if (!shard_needs.empty() && !shard_needs[Index(chunk.shard)]) continue;
    if (dense_.version(i) < lsn) dense_.Update(i, gradient, record.rate_scale, lsn);
  }
}

absl::Status Lane::LogPush(const PushRecord& record) {
  Pass(options_.kill_points, KillPoint::kBeforeAppend);
  if (log_ != nullptr) {
    const PushRecordParts parts(record);
    CARAVAN_RETURN_IF_ERROR(log_->Append(lsn_ + 1, parts.parts()));
    for (const storage::Bytes part : parts.parts()) log_bytes_ += part.size();
  }
  Pass(options_.kill_points, KillPoint::kAfterAppend);
  return absl::OkStatus();
}

// Cannot fail: every row is in acquired_.
void Lane::Apply(const PushRecord& record, uint64_t lsn) {
  const FlushDenormals flush;  // moments of gradients that are no more fade through them
  Pass(options_.kill_points, KillPoint::kBeforeApply);
  std::vector<bool> shard_needs;
  if (!record.needed.empty()) {
    shard_needs.resize(shards_);
    for (size_t i = 0; i < record.needed.size(); ++i) {
      shard_needs[Index(marks_.shards()[i])] = record.needed[i];
    }
  }
  if (imaging_ != nullptr) {
    for (const KeyList::Span& span : record.spans) {
      imaging_->KeepRows(span.table, std::span(acquired_).subspan(span.first, span.count));
    }
    imaging_->KeepChunks();
  }
  UpdateRows(record, lsn, shard_needs);
  UpdateChunks(record, lsn, shard_needs);
  marks_.Apply(record.batch,
               {.verdict = Marks::Verdict::kApply, .expected = 0, .needed = record.needed});
  lsn_ = lsn;
}

// Under POWER_LOSS an answer waits until what it acknowledges is synced.
std::optional<net::Message> Lane::Hold(net::Message answer, uint64_t ticket) {
  if (log_ == nullptr || !LogOptions().is_synced || log_->synced_lsn() >= lsn_) return answer;
  held_.push_back({.ticket = ticket, .message = std::move(answer)});
  return std::nullopt;
}

absl::StatusOr<net::Message> Lane::HandlePush(const net::Header& header,
                                              const net::Message& request) {
  const net::Push& push = header.push();
  CARAVAN_ASSIGN_OR_RETURN(const Batch batch, CheckTag(push));
  net::Reply reply;
  reply.set_request_id(header.request_id());
  reply.set_code(net::OK);
  const Marks::Decision decision = marks_.Decide(batch);
  if (decision.verdict != Marks::Verdict::kApply) {
    const bool is_late = decision.verdict == Marks::Verdict::kAlreadyApplied;
    counters_.pushes_repeated += is_late ? 1 : 0;
    reply.mutable_push()->set_outcome(is_late ? net::PushReply::ALREADY_APPLIED
                                              : net::PushReply::OUT_OF_ORDER);
    if (!is_late) reply.mutable_push()->set_expected(decision.expected);
    return net::MakeMessage(reply);
  }
  CARAVAN_ASSIGN_OR_RETURN(const KeyList* list,
                           ResolveKeys(header, push.spans(), push.keys_signature(), request));
  CARAVAN_ASSIGN_OR_RETURN(const Gradients gradients, CheckGradients(batch, push, *list, request));
  PushRecord record{.batch = batch,
                    .rate_scale = push.learning_rate_scale(),
                    .made_rows = {},
                    .needed = decision.needed,
                    .spans = list->spans,
                    .keys = list->keys,
                    .rows = gradients.rows,
                    .dense = gradients.dense};
  absl::Status status = AcquireRows(record.spans, record.keys);
  // Right before the log's checksum, which finds the gradients in the cache then.
  if (status.ok()) status = CheckFinite(record);
  if (status.ok()) {
    record.made_rows = rows_->MadeRows();
    status = LogPush(record);
  }
  if (!status.ok()) {
    rows_->ForgetMadeRows();
    return status;
  }
  Apply(record, lsn_ + 1);
  BoundLog();
  ++counters_.pushes_applied;
  counters_.keys_pushed += list->keys.size();
  reply.mutable_push()->set_outcome(net::PushReply::APPLIED);
  if (!dense_.chunks().empty()) reply.mutable_push()->set_dense_version(dense_.version(0));
  return net::MakeMessage(reply);
}

}  // namespace caravan::ps
