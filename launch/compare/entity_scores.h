// Sums of errors by entity and cell, kept apart so that entities can be drawn anew: what a
// bootstrap over entities needs. Windows of one entity overlap, so samples are no independent
// draws; entities are.
#ifndef CARAVAN_LAUNCH_COMPARE_ENTITY_SCORES_H_
#define CARAVAN_LAUNCH_COMPARE_ENTITY_SCORES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "model/metrics.h"

namespace caravan::launch {

// Numbers of entities, the same for every model that is compared.
class EntityNumbers {
 public:
  uint32_t NumberOf(std::string_view name);
  uint32_t count() const { return static_cast<uint32_t>(numbers_.size()); }

 private:
  absl::flat_hash_map<std::string, uint32_t> numbers_;
};

// The tasks of the schema that have an NMAE: those of the job that are not binary.
std::vector<uint32_t> CountTasks(const conf::Job& job, const conf::Schema& schema);

struct OverallScores {
  double nmae = 0;  // plain mean over the cells that have one (M2M eq. 21-22)
  double smape = 0;
};

// Owned and called by one thread.
class EntityScores {
 public:
  EntityScores(uint32_t tasks, uint32_t scenarios)
      : cells_(size_t{tasks} * scenarios), scenarios_(scenarios) {}

  void Add(uint32_t entity, uint32_t task, uint32_t scenario, double prediction, double label);

  // Of a binary task: counted in Cells alone, for its AUC and log loss.
  void AddBinary(uint32_t task, uint32_t scenario, double probability, double label);

  // By cell, [tasks, scenarios], over all entities.
  std::vector<model::CellSums> Cells() const;
  // With entity e counted weights[e] times; entities beyond the weights count 0 times.
  OverallScores Overall(std::span<const uint32_t> weights) const;
  OverallScores Overall() const;
  uint32_t entities() const { return static_cast<uint32_t>(sums_.size() / cells_); }

 private:
  struct Sums {
    double absolute_error = 0;
    double label = 0;
    double smape = 0;
    double samples = 0;
  };

  size_t cells_;
  uint32_t scenarios_;
  std::vector<Sums> sums_;               // [entities, tasks, scenarios]
  std::vector<model::CellSums> binary_;  // [tasks, scenarios], or empty
};

struct PairedDifference {
  double mean = 0;  // of the NMAE of the one less that of the other
  double low = 0;   // 95 % interval, by percentiles
  double high = 0;
  double chance = 1;  // two-sided: how often the sign turns, doubled
};

// Overall NMAE of `one` less that of `other`, each the mean over its seeds, over `draws` draws of
// all entities with replacement (Efron and Tibshirani, An Introduction to the Bootstrap, 1993); the
// same draw for both. Follows from `seed` alone.
PairedDifference CompareNmae(std::span<const EntityScores> one, std::span<const EntityScores> other,
                             uint32_t entities, uint32_t draws, uint64_t seed);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_COMPARE_ENTITY_SCORES_H_
