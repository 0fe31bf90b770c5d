// A lane's dense chunks: weights, optimizer slots, step count and LSN of the last update of each.
#ifndef CARAVAN_PS_DENSE_STORE_H_
#define CARAVAN_PS_DENSE_STORE_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/ids.h"
#include "conf/run_spec.pb.h"
#include "net/placement.h"
#include "ps/optimizers/optimizer.h"
#include "storage/image.h"

namespace caravan::ps {

// A lane's before its first push. The pushes count on from it, without gaps.
inline constexpr uint64_t kFirstLsn = 1;

// Owned and called by one lane thread.
class DenseStore {
 public:
  // The chunks whose shard `is_own` says is the lane's; without values yet.
  DenseStore(const conf::RunSpec& spec, const std::vector<bool>& is_own);

  // First values, by the model and its seed.
  void Initialise(const conf::RunSpec& spec);
  // A chunk as Save wrote it; NOT_FOUND where it is not of this lane, DATA_LOSS where malformed.
  absl::Status Load(ChunkId id, std::string_view value);
  // After the last Load: DATA_LOSS names a chunk that did not come.
  absl::Status CheckComplete() const;
  // The record of chunk i.
  void Save(size_t i, storage::ImageWriter& image) const;

  // Ascending by id; index i below counts in it.
  std::span<const net::DenseChunk> chunks() const { return chunks_; }
  // Of all chunks, one after another.
  uint64_t floats() const { return floats_; }
  // LSN of the last update; never 0.
  uint64_t version(size_t i) const { return states_[i].version; }
  // Gives all chunks a version that none of their contents had before.
  void SetVersions(uint64_t lsn);
  std::span<const float> weights(size_t i) const {
    return std::span(states_[i].floats).first(chunks_[i].size);
  }
  // Of a run that has them (training.weight_averaging): the last slot of each weight.
  std::span<const float> averages(size_t i) const {
    return std::span(states_[i].floats).last(chunks_[i].size);
  }
  uint64_t resident_bytes() const;

  // Update `lsn` of chunk i. gradient: [size]; L2 is added here where the tensor has it.
  void Update(size_t i, std::span<const float> gradient, float rate_scale, uint64_t lsn);

 private:
  struct State {
    uint64_t version = 0;  // 0: no values yet
    uint32_t steps = 0;
    std::vector<float> floats;  // weights, then slots
  };

  std::unique_ptr<Optimizer> optimizer_;
  std::vector<net::DenseChunk> chunks_;
  std::vector<State> states_;  // beside chunks_
  std::vector<float> l2_;      // beside chunks_: 2 alpha, or 0
  std::vector<float> gradient_;
  uint64_t floats_ = 0;
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_DENSE_STORE_H_
