#include "ps/dense_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/status_macros.h"
#include "ps/first_values.h"
#include "storage/record_key.h"
#include "storage/row_store.h"

namespace caravan::ps {
DenseStore::DenseStore(const conf::RunSpec& spec, const std::vector<bool>& is_own)
    : optimizer_(MakeDenseOptimizer(spec.job().training())), gradient_(net::kChunkFloats) {
  const auto shards = static_cast<uint32_t>(is_own.size());
  // The gradient of alpha |w|^2 is 2 alpha w.
  const auto two_alpha = static_cast<float>(2 * spec.job().training().l2());
  for (const net::DenseChunk& chunk : net::DenseChunks(spec.model(), shards)) {
    if (!is_own[Index(chunk.shard)]) continue;
    chunks_.push_back(chunk);
    states_.emplace_back();
    l2_.push_back(spec.model().tensors(static_cast<int>(chunk.tensor)).l2() ? two_alpha : 0.0F);
    floats_ += chunk.size;
  }
}

void DenseStore::Initialise(const conf::RunSpec& spec) {
  const uint64_t seed = spec.job().training().seed();
  for (size_t i = 0; i < chunks_.size(); ++i) {
    State& state = states_[i];
    const size_t n = chunks_[i].size;
    state.floats.resize(n * (1 + optimizer_->slots_per_weight()));
    const std::span<float> weights = std::span(state.floats).first(n);
    FillChunk(spec.model(), seed, chunks_[i], weights);
    optimizer_->InitialSlots(weights, std::span(state.floats).subspan(n));
    state.version = kFirstLsn;
  }
}

uint64_t DenseStore::resident_bytes() const {
  return floats_ * sizeof(float) * (1 + optimizer_->slots_per_weight());
}

void DenseStore::Update(size_t i, std::span<const float> gradient, float rate_scale, uint64_t lsn) {
  State& state = states_[i];
  const size_t n = chunks_[i].size;
  const std::span<float> weights = std::span(state.floats).first(n);
  if (const float l2 = l2_[i]; l2 != 0) {
    for (size_t j = 0; j < n; ++j) gradient_[j] = gradient[j] + l2 * weights[j];
    gradient = std::span<const float>(gradient_).first(n);
  }
  state.version = lsn;
  ++state.steps;
  optimizer_->Update(gradient, rate_scale, state.steps, weights,
                     std::span(state.floats).subspan(n));
}

void DenseStore::SetVersions(uint64_t lsn) {
  for (State& state : states_) state.version = lsn;
}

void DenseStore::Save(size_t i, storage::ImageWriter& image) const {
  const State& state = states_[i];
  const std::span<const std::byte> floats = std::as_bytes(std::span(state.floats));
  const std::string key = storage::EncodeKey({.shard = chunks_[i].shard,
                                              .kind = storage::RecordKind::kChunk,
                                              .number = Index(chunks_[i].id)});
  storage::FormatRow(state.version, state.steps, floats,
                     image.Add(key, storage::FormattedBytes(floats.size())));
}

absl::Status DenseStore::Load(ChunkId id, std::string_view value) {
  const auto found = std::ranges::lower_bound(chunks_, id, {}, &net::DenseChunk::id);
  if (found == chunks_.end() || found->id != id) {
    return absl::NotFoundError(fmt::format("chunk {} is not of this lane", Index(id)));
  }
  const size_t i = static_cast<size_t>(found - chunks_.begin());
  const size_t floats = size_t{found->size} * (1 + optimizer_->slots_per_weight());
  const absl::StatusOr<storage::RowRecord> record = storage::ParseRow(value, floats);
  if (!record.ok() || record->version == 0) {
    return absl::DataLossError(
        fmt::format("dense chunk {}: {}", Index(id),
                    record.ok() ? "version 0" : std::string(record.status().message())));
  }
  State& state = states_[i];
  state.version = record->version;
  state.steps = record->steps;
  state.floats.resize(floats);
  std::memcpy(state.floats.data(), record->floats.data(), record->floats.size());
  return absl::OkStatus();
}

absl::Status DenseStore::CheckComplete() const {
  for (size_t i = 0; i < chunks_.size(); ++i) {
    if (states_[i].version == 0) {
      return absl::DataLossError(fmt::format("dense chunk {} of shard {} is missing",
                                             Index(chunks_[i].id), Index(chunks_[i].shard)));
    }
  }
  return absl::OkStatus();
}

}  // namespace caravan::ps
