#include "ps/push_record.h"

#include <bit>
#include <cstring>

#include <fmt/format.h>

namespace caravan::ps {
namespace {

// Words of 32 bits in front of the keys: 12 fixed ones, then pairs (table, keys), pairs (shard,
// rows made), one word a shard where not all apply the push, filled up to an even number.
constexpr size_t kFixedWords = 12;
enum Word : size_t {
  kEpoch,
  kBlock,
  kBatch,
  kSamples,
  kRateScale,
  kSpans,
  kMadeShards,
  kNeeded,
  kKeys,
  kRowFloats,
  kDenseFloats,
  kReserved,
};

size_t WordCount(uint64_t spans, uint64_t made_shards, uint64_t needed) {
  const size_t words = kFixedWords + 2 * spans + 2 * made_shards + needed;
  return words + words % 2;
}

}  // namespace

PushRecordParts::PushRecordParts(const PushRecord& record) {
  words_.resize(kFixedWords);
  words_[kEpoch] = record.batch.epoch;
  words_[kBlock] = record.batch.block;
  words_[kBatch] = record.batch.batch;
  words_[kSamples] = record.batch.samples;
  words_[kRateScale] = std::bit_cast<uint32_t>(record.rate_scale);
  words_[kSpans] = static_cast<uint32_t>(record.spans.size());
  words_[kMadeShards] = static_cast<uint32_t>(record.made_rows.size());
  words_[kNeeded] = static_cast<uint32_t>(record.needed.size());
  words_[kKeys] = static_cast<uint32_t>(record.keys.size());
  words_[kRowFloats] = static_cast<uint32_t>(record.rows.size());
  words_[kDenseFloats] = static_cast<uint32_t>(record.dense.size());
  for (const KeyList::Span& span : record.spans) {
    words_.push_back(Index(span.table));
    words_.push_back(static_cast<uint32_t>(span.count));
  }
  for (const auto& [shard, made] : record.made_rows) {
    words_.push_back(Index(shard));
    words_.push_back(made);
  }
  for (const bool needs : record.needed) words_.push_back(needs ? 1 : 0);
  words_.resize(WordCount(record.spans.size(), record.made_rows.size(), record.needed.size()));
  parts_ = {std::as_bytes(std::span(words_)), std::as_bytes(record.keys),
            std::as_bytes(record.rows), std::as_bytes(record.dense)};
}

absl::StatusOr<PushRecord> ParsePushRecord(storage::Bytes payload) {
  const auto malformed = [&](std::string_view what) {
    return absl::DataLossError(
        fmt::format("a push's record of {} bytes is malformed: {}", payload.size(), what));
  };
  // Payloads lie at multiples of 8.
  const std::span<const uint32_t> words(reinterpret_cast<const uint32_t*>(payload.data()),
                                        payload.size() / sizeof(uint32_t));
  if (words.size() < kFixedWords) return malformed("too short");
  const size_t front = WordCount(words[kSpans], words[kMadeShards], words[kNeeded]);
  const uint64_t all = front + 2 * uint64_t{words[kKeys]} + words[kRowFloats] + words[kDenseFloats];
  if (all + all % 2 != words.size()) return malformed("its parts do not add up");
  PushRecord record;
  record.batch = {.epoch = words[kEpoch],
                  .block = words[kBlock],
                  .batch = words[kBatch],
                  .samples = words[kSamples]};
  record.rate_scale = std::bit_cast<float>(words[kRateScale]);
  size_t at = kFixedWords;
  size_t first = 0;
  for (uint32_t i = 0; i < words[kSpans]; ++i, at += 2) {
    record.spans.push_back({.table = TableId{words[at]}, .first = first, .count = words[at + 1]});
    first += words[at + 1];
  }
  if (first != words[kKeys]) return malformed("its spans do not count its keys");
  for (uint32_t i = 0; i < words[kMadeShards]; ++i, at += 2) {
    record.made_rows.emplace_back(ShardId{words[at]}, words[at + 1]);
  }
  for (uint32_t i = 0; i < words[kNeeded]; ++i) record.needed.push_back(words[at++] != 0);
  const uint32_t* values = words.data() + front;
  record.keys = {reinterpret_cast<const uint64_t*>(values), words[kKeys]};
  values += 2 * size_t{words[kKeys]};
  record.rows = {reinterpret_cast<const float*>(values), words[kRowFloats]};
  record.dense = {reinterpret_cast<const float*>(values + words[kRowFloats]), words[kDenseFloats]};
  return record;
}

}  // namespace caravan::ps
