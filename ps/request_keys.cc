// Lane: the keys of a request, checked before anything is looked up by them.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/status_macros.h"
#include "ps/lane.h"

namespace caravan::ps {
namespace {

// Of the rows that one request may ask for or change.
constexpr uint64_t kRowBytesMax = uint64_t{512} << 20;

bool SameSpans(const std::vector<KeyList::Span>& a, const std::vector<KeyList::Span>& b) {
  return std::ranges::equal(a, b, [](const KeyList::Span& x, const KeyList::Span& y) {
    return x.table == y.table && x.first == y.first && x.count == y.count;
  });
}

}  // namespace

// The spans as a list without its keys. Tables ascend, so that no row can be named twice.
absl::StatusOr<KeyList> Lane::CheckSpans(const Spans& spans) const {
  KeyList list;
  size_t first = 0;
  for (const net::TableSpan& span : spans) {
    if (span.table() >= static_cast<uint32_t>(spec_.model().tables_size())) {
      return absl::InvalidArgumentError(fmt::format("table {} is asked for, the model has {}",
                                                    span.table(), spec_.model().tables_size()));
    }
    const TableId table{span.table()};
    if (!list.spans.empty() && list.spans.back().table >= table) {
      return absl::InvalidArgumentError(fmt::format("table {} comes after table {}: spans ascend",
                                                    span.table(), Index(list.spans.back().table)));
    }
    list.spans.push_back({.table = table, .first = first, .count = span.keys()});
    first += span.keys();
    list.floats +=
        uint64_t{span.keys()} * spec_.model().tables(static_cast<int>(span.table())).width();
  }
  if (list.floats * sizeof(float) > kRowBytesMax) {
    return absl::InvalidArgumentError(fmt::format("the rows of a request have {} bytes, at most {}",
                                                  list.floats * sizeof(float), kRowBytesMax));
  }
  return list;
}

absl::Status Lane::CheckKeys(const KeyList& list) const {
  for (const KeyList::Span& span : list.spans) {
    for (size_t i = span.first; i < span.first + span.count; ++i) {
      const uint64_t key = list.keys[i];
      if (i > span.first && list.keys[i - 1] >= key) {
        return absl::InvalidArgumentError(
            fmt::format("table {}: key {} comes after key {}: keys ascend, each once",
                        Index(span.table), key, list.keys[i - 1]));
      }
      if (const uint32_t shard = ShardOf(span.table, key); !is_own_[shard]) {
        return absl::InvalidArgumentError(
            fmt::format("table {}: key {} is of shard {}, which is not of this lane",
                        Index(span.table), key, shard));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<const KeyList*> Lane::ResolveKeys(const net::Header& header, const Spans& spans,
                                                 uint64_t signature, const net::Message& request) {
  CARAVAN_ASSIGN_OR_RETURN(KeyList list, CheckSpans(spans));
  const size_t expected =
      list.spans.empty() ? 0 : list.spans.back().first + list.spans.back().count;
  std::span<const uint64_t> keys;
  if (request.frames.size() > 1) {
    CARAVAN_ASSIGN_OR_RETURN(keys, net::KeyFrame(request, 1, unaligned_keys_));
  }
  if (keys.empty() && expected == 0) {
    no_keys_ = std::move(list);
    return &no_keys_;
  }
  if (keys.empty()) {
    const KeyList* known = key_lists_.Find(header.sender(), signature);
    if (known == nullptr) {
      return absl::NotFoundError(fmt::format("key list {:016x} is not known", signature));
    }
    if (!SameSpans(known->spans, list.spans)) {
      return absl::InvalidArgumentError(
          fmt::format("the spans are not those of key list {:016x}", signature));
    }
    return known;
  }
  if (keys.size() != expected) {
    return absl::InvalidArgumentError(
        fmt::format("{} keys came where the spans count {}", keys.size(), expected));
  }
  const uint64_t actual = net::KeysSignature(keys, spans);
  if (signature != 0 && signature != actual) {
    return absl::InvalidArgumentError(
        fmt::format("the keys have signature {:016x}, not {:016x}", actual, signature));
  }
  // A push that repeats its pull's keys in full need not have them checked again.
  if (const KeyList* known = key_lists_.Find(header.sender(), actual);
      known != nullptr && std::ranges::equal(known->keys, keys)) {
    return known;
  }
  list.keys.assign(keys.begin(), keys.end());
  CARAVAN_RETURN_IF_ERROR(CheckKeys(list));
  return key_lists_.Insert(header.sender(), actual, std::move(list));
}

}  // namespace caravan::ps
