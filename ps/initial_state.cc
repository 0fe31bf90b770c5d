// CheckpointReader over no checkpoint: what the servers start from.
#include <fmt/format.h>

#include <utility>

#include "ps/checkpoint_reader.h"
#include "ps/first_values.h"

namespace caravan::ps {
namespace {

class InitialReader final : public CheckpointReader {
 public:
  InitialReader(const conf::ModelSpec& model, uint64_t seed) : model_(model), seed_(seed) {}

  absl::StatusOr<std::vector<float>> Dense() override {
    std::vector<float> dense(net::DenseFloats(model_));
    // Which shard a chunk is on does not change its first values.
    for (const net::DenseChunk& chunk : net::DenseChunks(model_, /*shards=*/1)) {
      FillChunk(model_, seed_, chunk, std::span(dense).subspan(chunk.flat_offset, chunk.size));
    }
    return dense;
  }

  absl::Status Rows(TableId table, std::span<const uint64_t> keys,
                    std::vector<float>& weights) override {
    if (Index(table) >= static_cast<uint32_t>(model_.tables_size())) {
      return absl::InvalidArgumentError(
          fmt::format("table {} of {}", Index(table), model_.tables_size()));
    }
    const conf::TableSpec& spec = model_.tables(static_cast<int>(Index(table)));
    const InitialDistribution distribution = DistributionOf(spec.initializer());
    weights.resize(keys.size() * spec.width());
    for (size_t i = 0; i < keys.size(); ++i) {
      InitialRow(distribution, seed_, Index(table), keys[i],
                 std::span(weights).subspan(i * spec.width(), spec.width()));
    }
    return absl::OkStatus();
  }

  uint64_t rows() const override { return 0; }

 private:
  conf::ModelSpec model_;
  uint64_t seed_;
};

}  // namespace

std::unique_ptr<CheckpointReader> InitialState(const conf::ModelSpec& model, uint64_t seed) {
  return std::make_unique<InitialReader>(model, seed);
}

}  // namespace caravan::ps
