// How many samples a second one core reads: batches of shuffled windows of the data set that ships
// with the project, cut from series, with dense features and without.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "conf/job_loader.h"
#include "data/import.h"
#include "data/sample_reader.h"

namespace caravan::data {
namespace {

void ReadBatches(benchmark::State& state) {
  const bool dense = state.range(1) != 0;
  absl::StatusOr<conf::Job> job = conf::LoadJob("conf/us_flights/job.txtpb", {});
  if (!job.ok()) return state.SkipWithError("run it in the top folder of the project");
  job->mutable_data()->set_dense_features(dense);
  const std::string folder =
      (std::filesystem::temp_directory_path() / "caravan-reader-benchmark").string();
  const absl::StatusOr<ImportReport> report = Import(*job, folder, nullptr);
  if (!report.ok()) return state.SkipWithError("the import failed");
  absl::StatusOr<std::unique_ptr<SampleReader>> reader =
      SampleReader::Open(folder, report->schema, "train");
  if (!reader.ok()) return state.SkipWithError("the split cannot be opened");

  conf::BlockPlan plan;
  plan.set_batch_size(static_cast<uint32_t>(state.range(0)));
  plan.set_block_batches(1);
  const auto blocks =
      static_cast<uint32_t>(report->schema.splits(0).files(0).samples() / plan.batch_size());
  SampleReader::Request request = {.seed = 1};
  Batch batch;
  for (auto _ : state) {
    if (!(*reader)->Read(plan, request, batch).ok()) return state.SkipWithError("a read failed");
    benchmark::DoNotOptimize(batch.labels.data());
    request.block = (request.block + 1) % blocks;
    if (request.block == 0) ++request.epoch;
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  std::filesystem::remove_all(folder);
}
BENCHMARK(ReadBatches)->ArgNames({"batch", "dense"})->Args({64, 1})->Args({256, 1})->Args({256, 0});

}  // namespace
}  // namespace caravan::data

BENCHMARK_MAIN();
