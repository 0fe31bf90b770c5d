#include "tests/worker/small_world.h"

#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include "base/file.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "conf/job_defaults.h"
#include "data/block_plan.h"
#include "data/calendar.h"
#include "data/import.h"
#include "model/net.h"

namespace caravan::worker {
namespace {

constexpr char kJob[] = R"pb(
  name: "small"
  data {
    daily_file: "daily.csv"
    entities_file: "entities.csv"
    scenarios_file: "scenarios.csv"
    behaviour_columns: "visits"
    performance_columns: [ "sales", "returns" ]
    profile_columns: "size"
    tasks { name: "sales" }
    tasks { name: "active_days" column: "sales" aggregate: DAYS_NONZERO }
    history_days: 10
    horizon_days: 3
    min_active_days: 1
    buckets: 6
  }
  model {
    embedding_width: 4
    view_width: 8
    experts: 2
    meta { scope: SHARED scenario_width: 4 layers: 2 tower_layers: 1 }
  }
  training { epochs: 2 batch_size: 16 }
  cluster { workers: 2 shards: 16 block_batches_max: 4 heartbeat_ms: 50 }
  worker { batches_ahead: 1 pushes_in_flight: 2 request_timeout_ms: 100 give_up_after_ms: 20000 }
)pb";

absl::Status WriteTables(const std::string& folder) {
  const int32_t first_day = *data::ParseDate("2024-01-01");
  RandomStream random(11);
  std::string daily = "date,entity,scenario,visits,sales,returns\n";
  for (int32_t day = 0; day < 60; ++day) {
    for (int entity = 0; entity < 12; ++entity) {
      for (const char scenario : {'A', 'B', 'C'}) {
        if (random.NextUniform() < 0.2F) continue;  // an absent row is zero
        const uint64_t sales = random.NextBelow(static_cast<uint64_t>(entity) + scenario - 'A' + 2);
        daily += fmt::format("{},e{:02},{},{},{},{}\n", data::FormatDate(first_day + day), entity,
                             scenario, sales + random.NextBelow(5), sales, random.NextBelow(2));
      }
    }
  }
  std::string entities = "entity,size\n";
  for (int entity = 0; entity < 12; ++entity) {
    entities += fmt::format("e{:02},{}\n", entity, entity % 3 == 0 ? "large" : "small");
  }
  CARAVAN_RETURN_IF_ERROR(WriteFileAtomically(folder + "/daily.csv", daily));
  CARAVAN_RETURN_IF_ERROR(WriteFileAtomically(folder + "/entities.csv", entities));
  return WriteFileAtomically(folder + "/scenarios.csv", "scenario,name\nA,a\nB,b\nC,c\n");
}

}  // namespace

absl::StatusOr<conf::RunSpec> MakeSmallRun(const std::string& folder) {
  CARAVAN_RETURN_IF_ERROR(WriteTables(folder));
  conf::RunSpec run;
  if (!google::protobuf::TextFormat::ParseFromString(kJob, run.mutable_job())) {
    return absl::InternalError("the test's job is no job");
  }
  conf::FillDefaults(*run.mutable_job());
  run.mutable_job()->mutable_data()->set_directory(folder);
  run.set_data_directory(folder + "/imported");
  CARAVAN_ASSIGN_OR_RETURN(const data::ImportReport report,
                           data::Import(run.job(), run.data_directory(), {}));
  *run.mutable_schema() = report.schema;
  CARAVAN_ASSIGN_OR_RETURN(const auto graph, model::BuildNet(run.job(), run.schema()));
  *run.mutable_model() = model::MakeModelSpec(*graph);
  *run.mutable_block_plan() = data::MakeBlockPlan(run.job(), run.schema());
  run.set_run_id(77);
  run.set_run_directory(folder);
  return run;
}

uint64_t SamplesOf(const conf::RunSpec& run, const std::string& split) {
  uint64_t samples = 0;
  for (const conf::SplitSchema& schema : run.schema().splits()) {
    if (schema.name() != split) continue;
    for (const conf::SplitFile& file : schema.files()) samples += file.samples();
  }
  return samples;
}

}  // namespace caravan::worker
