// What is known of a sample's labels by who knows the world that its tables were drawn from: the
// true rates of the days ahead, campaigns and ends of lives included. No model can know these.
#ifndef CARAVAN_DATA_WORLD_WORLD_ORACLE_H_
#define CARAVAN_DATA_WORLD_WORLD_ORACLE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "data/world/label_law.h"
#include "data/world/world.h"

namespace caravan::data {

// Owned and called by one thread.
class WorldOracle {
 public:
  // Nothing where data.directory has no record of a world. INVALID_ARGUMENT where it is the record
  // of another daily file than the one that lies there, or the job has a task or scenario that the
  // world does not have.
  static absl::StatusOr<std::optional<WorldOracle>> Open(const conf::Data& data,
                                                         const conf::Schema& schema);

  // How the labels of a sample are distributed; laws: [tasks], in the schema's order. `scenario`:
  // index into Schema.scenarios; `anchor`: days since 1970-01-01. INVALID_ARGUMENT for an entity
  // that is not of the world.
  absl::Status Laws(std::string_view entity, uint32_t scenario, int32_t anchor,
                    std::span<LabelLaw> laws);

 private:
  struct Label {
    uint32_t column;
    conf::Aggregate aggregate;
  };

  explicit WorldOracle(World world);
  absl::Status FindLabels(const conf::Data& data, const conf::Schema& schema);
  absl::Status FindScenarios(const conf::Schema& schema);

  World world_;
  int32_t horizon_days_ = 0;
  std::vector<Label> labels_;        // by task
  std::vector<uint32_t> scenarios_;  // by the schema's scenario: the world's
  std::vector<double> rates_;        // scratch: a day's, [scenarios, columns]
  std::vector<double> ahead_;        // scratch: the horizon's, [columns, days]
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_WORLD_WORLD_ORACLE_H_
