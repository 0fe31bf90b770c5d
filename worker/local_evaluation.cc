#include "worker/local_evaluation.h"

#include <memory>

#include <fmt/format.h>

#include "base/status_macros.h"
#include "data/block_plan.h"
#include "model/executor.h"
#include "model/net.h"
#include "worker/prepared_batch.h"

namespace caravan::worker {
namespace {

absl::StatusOr<const conf::SplitSchema*> FindSplit(const conf::Schema& schema,
                                                   const std::string& name) {
  std::string known;
  for (const conf::SplitSchema& split : schema.splits()) {
    if (split.name() == name) return &split;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", split.name());
  }
  return absl::NotFoundError(
      fmt::format("the data set has no split '{}'; it has: {}", name, known));
}

absl::Status PredictWith(const SplitOfRun& split, const model::Graph& graph,
                         ParameterSource& source, const PredictionVisitor& visit) {
  const conf::RunSpec& run = *split.run;
  CARAVAN_ASSIGN_OR_RETURN(const conf::SplitSchema* const split_schema,
                           FindSplit(run.schema(), split.split));
  CARAVAN_ASSIGN_OR_RETURN(
      const std::unique_ptr<model::Executor> executor,
      model::Executor::Create(graph, run.block_plan().batch_size(), run.job().worker().threads()));
  CARAVAN_ASSIGN_OR_RETURN(
      const std::unique_ptr<data::SampleReader> reader,
      data::SampleReader::Open(split.data_directory, run.schema(), split.split));
  PreparedBatch batch(run.schema());
  const uint64_t batch_size = run.block_plan().batch_size();
  const auto blocks = data::Blocks(run.block_plan(), *split_schema);
  for (uint32_t block = 0; block < blocks.size(); ++block) {
    for (uint32_t number = 0; number * batch_size < blocks[block].samples; ++number) {
      CARAVAN_RETURN_IF_ERROR(reader->Read(
          run.block_plan(), {.block = block, .batch = number, .shuffle = false}, batch.samples));
      CARAVAN_RETURN_IF_ERROR(batch.keys.Find(batch.samples.ids));
      CARAVAN_RETURN_IF_ERROR(source.Pull(batch.keys.keys(), batch.parameters));
      const model::ExecutorOutput output = executor->Forward(MakeExecutorInput(batch));
      CARAVAN_RETURN_IF_ERROR(visit(batch.samples, *reader, output.predictions));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PredictSplit(const SplitOfRun& split, ParameterSource& source,
                          const PredictionVisitor& visit) {
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<model::Graph> graph,
                           model::BuildNet(split.run->job(), split.run->schema()));
  return PredictWith(split, *graph, source, visit);
}

absl::StatusOr<model::Metrics> EvaluateSplit(const SplitOfRun& split, ParameterSource& source) {
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<model::Graph> graph,
                           model::BuildNet(split.run->job(), split.run->schema()));
  model::Metrics metrics(graph->tasks(),
                         static_cast<uint32_t>(split.run->schema().scenarios_size()));
  CARAVAN_RETURN_IF_ERROR(
      PredictWith(split, *graph, source,
                  [&metrics](const data::Batch& batch, const data::SampleReader&,
                             std::span<const float> predictions) {
                    metrics.Add(predictions, batch.labels, batch.scenarios);
                    return absl::OkStatus();
                  }));
  return metrics;
}

}  // namespace caravan::worker
