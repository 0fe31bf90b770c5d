#include "worker/local_evaluation.h"

#include <memory>

#include "base/status_macros.h"
#include "data/split_visitor.h"
#include "model/bf16_kernels.h"
#include "model/executor.h"
#include "model/net.h"
#include "worker/prepared_batch.h"

namespace caravan::worker {
namespace {

absl::Status PredictWith(const SplitOfRun& split, const model::Graph& graph,
                         ParameterSource& source, const PredictionVisitor& visit) {
  const conf::RunSpec& run = *split.run;
  CARAVAN_ASSIGN_OR_RETURN(
      const std::unique_ptr<model::Executor> executor,
      model::Executor::Create(graph, run.block_plan().batch_size(), run.job().worker().threads(),
                              model::RunnerPurpose::kEvaluate,
                              model::KernelsFor(run.job().worker().compute())));
  PreparedBatch prepared(run.schema());
  return data::VisitSplit(
      split.data_directory, run.schema(), split.split, run.block_plan().batch_size(),
      [&](const data::Batch& batch, const data::SampleReader& reader) -> absl::Status {
        prepared.samples = batch;
        CARAVAN_RETURN_IF_ERROR(prepared.keys.Find(batch.ids));
        CARAVAN_RETURN_IF_ERROR(source.Pull(prepared.keys.keys(), prepared.parameters));
        const model::ExecutorOutput output = executor->Forward(MakeExecutorInput(prepared));
        return visit(batch, reader, output.predictions);
      });
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
