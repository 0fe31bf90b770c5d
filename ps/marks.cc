#include "ps/marks.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "storage/record_key.h"

namespace caravan::ps {
namespace {

template <typename T>
void Append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
T ReadAt(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

}  // namespace

Marks::Marks(std::vector<ShardId> shards, uint64_t epoch_samples)
    : shards_(std::move(shards)), epoch_samples_(epoch_samples) {}

bool Marks::MayBegin(uint32_t epoch) const {
  if (epoch <= epoch_ || epoch_samples_ == 0) return true;
  const auto ledger = ledger_.find(epoch_);
  return epoch == epoch_ + 1 && ledger != ledger_.end() &&
         std::ranges::all_of(ledger->second,
                             [this](uint64_t samples) { return samples == epoch_samples_; });
}

size_t Marks::LocalIndex(ShardId shard) const {
  const auto found = std::lower_bound(shards_.begin(), shards_.end(), shard);
  CHECK(found != shards_.end() && *found == shard) << "shard " << Index(shard) << " of no lane";
  return static_cast<size_t>(found - shards_.begin());
}

Marks::Decision Marks::Decide(const Batch& batch) const {
  if (batch.epoch < epoch_) return {.verdict = Verdict::kAlreadyApplied, .needed = {}};
  if (!MayBegin(batch.epoch)) {
    return {.verdict = Verdict::kOutOfOrder, .expected = 0, .needed = {}};
  }
  BlockMarks marks;
  if (batch.epoch == epoch_) {
    const auto found = blocks_.find(batch.block);
    if (found != blocks_.end()) marks = found->second;
  }
  if (marks.own.empty()) {
    if (batch.batch < marks.common) return {.verdict = Verdict::kAlreadyApplied, .needed = {}};
    if (batch.batch == marks.common) return {.verdict = Verdict::kApply, .needed = {}};
    return {.verdict = Verdict::kOutOfOrder, .expected = marks.common, .needed = {}};
  }
  const uint32_t lowest = *std::min_element(marks.own.begin(), marks.own.end());
  if (batch.batch > lowest) {
    return {.verdict = Verdict::kOutOfOrder, .expected = lowest, .needed = {}};
  }
  if (batch.batch < lowest) return {.verdict = Verdict::kAlreadyApplied, .needed = {}};
  Decision decision{.verdict = Verdict::kApply, .needed = {}};
  for (const uint32_t mark : marks.own) decision.needed.push_back(mark == batch.batch);
  return decision;
}

void Marks::Apply(const Batch& batch, const Decision& decision) {
  CHECK(decision.verdict == Verdict::kApply);
  if (batch.epoch > epoch_) {
    blocks_.clear();
    epoch_ = batch.epoch;
  }
  std::vector<uint64_t>& samples = ledger_[batch.epoch];
  samples.resize(shards_.size());
  BlockMarks& marks = blocks_[batch.block];
  if (decision.needed.empty()) {
    marks = {.common = batch.batch + 1, .own = {}};
    for (uint64_t& count : samples) count += batch.samples;
    return;
  }
  for (size_t i = 0; i < shards_.size(); ++i) {
    if (!decision.needed[i]) continue;
    marks.own[i] = batch.batch + 1;
    samples[i] += batch.samples;
  }
  if (std::ranges::all_of(marks.own, [&](uint32_t mark) { return mark == marks.own[0]; })) {
    marks = {.common = marks.own[0], .own = {}};
  }
}

uint32_t Marks::Lowest(uint32_t epoch, uint32_t block, uint32_t whole_block) const {
  if (epoch < epoch_) return whole_block;
  const auto found = blocks_.find(block);
  if (epoch > epoch_ || found == blocks_.end()) return 0;
  const BlockMarks& marks = found->second;
  return marks.own.empty() ? marks.common : *std::min_element(marks.own.begin(), marks.own.end());
}

std::vector<std::pair<uint32_t, uint32_t>> Marks::Begun() const {
  std::vector<std::pair<uint32_t, uint32_t>> begun;
  for (const auto& [block, marks] : blocks_) {
    const uint32_t mark =
        marks.own.empty() ? marks.common : *std::min_element(marks.own.begin(), marks.own.end());
    if (mark > 0) begun.emplace_back(block, mark);
  }
  std::sort(begun.begin(), begun.end());
  return begun;
}

std::vector<uint64_t> Marks::Samples(uint32_t epoch) const {
  const auto found = ledger_.find(epoch);
  return found == ledger_.end() ? std::vector<uint64_t>(shards_.size()) : found->second;
}

// Marks of a shard: [epoch u32] then (block u32, mark u32) ascending. Ledger of a shard and epoch:
// [samples u64].
void Marks::Save(storage::RecordBatch& records) const {
  std::vector<uint32_t> blocks;
  for (const auto& [block, marks] : blocks_) blocks.push_back(block);
  std::sort(blocks.begin(), blocks.end());
  for (size_t i = 0; i < shards_.size(); ++i) {
    std::string value;
    Append(value, epoch_);
    for (const uint32_t block : blocks) {
      const uint32_t mark = MarkOf(blocks_.at(block), i);
      if (mark == 0) continue;
      Append(value, block);
      Append(value, mark);
    }
    records.Put(storage::EncodeKey({.shard = shards_[i], .kind = storage::RecordKind::kMarks}),
                value);
    for (const auto& [epoch, samples] : ledger_) {
      if (samples[i] == 0) continue;
      std::string count;
      Append(count, samples[i]);
      records.Put(storage::EncodeKey(
                      {.shard = shards_[i], .kind = storage::RecordKind::kLedger, .number = epoch}),
                  count);
    }
  }
}

absl::Status Marks::LoadMarks(ShardId shard, std::string_view value) {
  if (value.size() < 4 || value.size() % 8 != 4) {
    return absl::DataLossError(
        fmt::format("marks of shard {} have {} bytes", Index(shard), value.size()));
  }
  const auto epoch = ReadAt<uint32_t>(value, 0);
  // A shard may lag by an epoch that is complete everywhere; its marks say nothing any more.
  if (epoch < epoch_) return absl::OkStatus();
  if (epoch > epoch_) {
    blocks_.clear();
    epoch_ = epoch;
  }
  const size_t local = LocalIndex(shard);
  for (size_t offset = 4; offset < value.size(); offset += 8) {
    BlockMarks& marks = blocks_[ReadAt<uint32_t>(value, offset)];
    marks.own.resize(shards_.size());
    marks.own[local] = ReadAt<uint32_t>(value, offset + 4);
  }
  return absl::OkStatus();
}

absl::Status Marks::LoadLedger(ShardId shard, uint32_t epoch, std::string_view value) {
  if (value.size() != sizeof(uint64_t)) {
    return absl::DataLossError(fmt::format("the ledger of shard {} epoch {} has {} bytes",
                                           Index(shard), epoch, value.size()));
  }
  std::vector<uint64_t>& samples = ledger_[epoch];
  samples.resize(shards_.size());
  samples[LocalIndex(shard)] = ReadAt<uint64_t>(value, 0);
  return absl::OkStatus();
}

}  // namespace caravan::ps
