#include "worker/lane_split.h"

#include <algorithm>

#include <fmt/format.h>

namespace caravan::worker {

void SplitByLane(const LaneMap& map, const TableKeys& keys, LaneSplit& split) {
  split.resize(map.lanes());
  for (LaneKeys& lane : split) {
    lane.spans.Clear();
    lane.keys.clear();
    lane.rows.clear();
    lane.floats = 0;
  }
  std::vector<size_t> first(map.lanes());
  for (uint32_t table = 0; table < keys.size(); ++table) {
    for (uint32_t lane = 0; lane < map.lanes(); ++lane) first[lane] = split[lane].keys.size();
    for (uint32_t row = 0; row < keys[table].size(); ++row) {
      LaneKeys& lane = split[map.LaneOfRow(table, keys[table][row])];
      lane.keys.push_back(keys[table][row]);
      lane.rows.push_back(row);
    }
    for (uint32_t lane = 0; lane < map.lanes(); ++lane) {
      const size_t count = split[lane].keys.size() - first[lane];
      if (count == 0) continue;
      net::TableSpan& span = *split[lane].spans.Add();
      span.set_table(table);
      span.set_keys(static_cast<uint32_t>(count));
      split[lane].floats += count * map.width(table);
    }
  }
  for (LaneKeys& lane : split) lane.signature = net::KeysSignature(lane.keys, lane.spans);
}

absl::Status MergeRows(const LaneMap& map, const LaneKeys& lane_keys,
                       std::span<const float> weights, std::vector<std::vector<float>>& rows) {
  if (weights.size() != lane_keys.floats) {
    return absl::InvalidArgumentError(fmt::format("{} floats came for {} keys that have {}",
                                                  weights.size(), lane_keys.keys.size(),
                                                  lane_keys.floats));
  }
  size_t key = 0;
  const float* from = weights.data();
  for (const net::TableSpan& span : lane_keys.spans) {
    const size_t width = map.width(span.table());
    float* const table = rows[span.table()].data();
    for (uint32_t i = 0; i < span.keys(); ++i, ++key, from += width) {
      std::copy_n(from, width, table + lane_keys.rows[key] * width);
    }
  }
  return absl::OkStatus();
}

absl::Status MergeChunks(const LaneMap& map, uint32_t lane, const net::PullReply& reply,
                         std::span<const float> values, Parameters& parameters) {
  if (reply.changed_chunks_size() != reply.changed_versions_size()) {
    return absl::InvalidArgumentError(fmt::format("{} changed chunks, but {} versions",
                                                  reply.changed_chunks_size(),
                                                  reply.changed_versions_size()));
  }
  const std::span<const net::DenseChunk> chunks = map.LaneChunks(lane);
  size_t used = 0;
  for (int i = 0; i < reply.changed_chunks_size(); ++i) {
    const uint32_t id = reply.changed_chunks(i);
    const auto chunk = std::ranges::lower_bound(
        chunks, id, {}, [](const net::DenseChunk& c) { return Index(c.id); });
    if (chunk == chunks.end() || Index(chunk->id) != id) {
      return absl::InvalidArgumentError(fmt::format("dense chunk {} is not of this lane", id));
    }
    if (values.size() - used < chunk->size) {
      return absl::InvalidArgumentError(fmt::format("the values end within dense chunk {}", id));
    }
    std::copy_n(values.begin() + used, chunk->size, parameters.dense.begin() + chunk->flat_offset);
    parameters.dense_versions[id] = reply.changed_versions(i);
    used += chunk->size;
  }
  if (used != values.size()) {
    return absl::InvalidArgumentError(
        fmt::format("{} dense floats came, the changed chunks have {}", values.size(), used));
  }
  return absl::OkStatus();
}

}  // namespace caravan::worker
