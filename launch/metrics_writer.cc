#include "launch/metrics_writer.h"

#include <fmt/format.h>
#include <glog/logging.h>

#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/status_macros.h"

namespace caravan::launch {
namespace {

// Keeps the order in which members are written.
using Json = nlohmann::ordered_json;

double SecondsSince1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string Text(const Json& json) {
  // Bytes that are no UTF-8 (an entity's name, a system's message) become U+FFFD; dump cannot
  // throw.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json Number(const std::optional<double>& value) {
  return value.has_value() ? Json(*value) : Json();
}

std::vector<double> TaskLosses(const scheduler::TrainingSums& sums) {
  std::vector<double> losses = sums.task_loss_sums;
  for (double& loss : losses) loss /= static_cast<double>(std::max<uint64_t>(sums.samples, 1));
  return losses;
}

}  // namespace

model::Metrics MetricsOf(const conf::RunSpec& spec, const scheduler::Evaluation& evaluation) {
  std::vector<model::GraphTask> tasks(static_cast<size_t>(spec.job().data().tasks_size()));
  for (size_t i = 0; i < tasks.size(); ++i) {
    tasks[i].name = spec.job().data().tasks(static_cast<int>(i)).name();
    tasks[i].loss = spec.job().data().tasks(static_cast<int>(i)).loss();
  }
  model::Metrics metrics(tasks, static_cast<uint32_t>(spec.schema().scenarios_size()));
  for (const net::CellSums& sums : evaluation.cells) {
    if (sums.task() >= metrics.tasks() || sums.scenario() >= metrics.scenarios()) {
      LOG(WARNING) << "evaluation split=" << evaluation.split << " has a cell of task "
                   << sums.task() << ", scenario " << sums.scenario() << ", which is not there";
      continue;
    }
    metrics.cell(sums.task(), sums.scenario())
        .Merge({.samples = sums.samples(),
                .absolute_error = sums.absolute_error(),
                .label = sums.label(),
                .smape = sums.smape(),
                .loss = sums.loss(),
                .deviance = sums.deviance()});
  }
  return metrics;
}

absl::StatusOr<std::unique_ptr<MetricsWriter>> MetricsWriter::Open(const RunDirectory& run,
                                                                   const conf::RunSpec& spec) {
  const std::string path = run.MetricsFile();
  std::FILE* file = std::fopen(path.c_str(), "ab");
  if (file == nullptr) return absl::ErrnoToStatus(errno, fmt::format("cannot open {}", path));
  std::unique_ptr<MetricsWriter> writer(new MetricsWriter(spec, file, path, nullptr));
  CARAVAN_ASSIGN_OR_RETURN(writer->events_, TensorboardWriter::Open(run.EventsDirectory()));
  const bool resumed = std::ftell(file) > 0;
  const conf::Cluster& cluster = spec.job().cluster();
  writer->WriteLine(Text({{"kind", "start"},
                          {"time", SecondsSince1970()},
                          {"epochs", spec.job().training().epochs()},
                          {"workers", cluster.workers()},
                          {"servers", cluster.servers()},
                          {"lanes", cluster.lanes()},
                          {"resumed", resumed}}));
  return writer;
}

MetricsWriter::MetricsWriter(const conf::RunSpec& spec, std::FILE* file, std::string path,
                             std::unique_ptr<TensorboardWriter> events)
    : spec_(spec), file_(file), path_(std::move(path)), events_(std::move(events)) {}

MetricsWriter::~MetricsWriter() { std::fclose(file_); }

void MetricsWriter::OnProgress(const scheduler::Progress& progress) {
  const scheduler::TrainingSums& recent = progress.since_last;
  const bool trained = recent.samples > 0;
  WriteLine(Text({{"kind", "progress"},
                  {"time", SecondsSince1970()},
                  {"seconds", progress.seconds},
                  {"epoch", progress.epoch},
                  {"phase", progress.phase},
                  {"batches_done", progress.batches_done},
                  {"batches_total", progress.batches_total},
                  {"samples", progress.total.samples},
                  {"samples_per_s", progress.samples_per_s},
                  {"loss", trained ? Json(recent.loss()) : Json()},
                  {"task_losses", trained ? Json(TaskLosses(recent)) : Json()},
                  {"staleness", trained ? Json(recent.staleness()) : Json()},
                  {"workers", progress.workers_alive},
                  {"bytes_pulled", progress.total.bytes_pulled},
                  {"bytes_pushed", progress.total.bytes_pushed},
                  {"resident_bytes", progress.resident_bytes},
                  {"learning_rate_scale", progress.learning_rate_scale}}));
  std::vector<std::pair<std::string, double>> values = {
      {"cluster/samples_per_s", progress.samples_per_s},
      {"cluster/workers", progress.workers_alive},
      {"cluster/resident_bytes", static_cast<double>(progress.resident_bytes)},
      {"train/learning_rate_scale", progress.learning_rate_scale}};
  if (trained) {
    values.emplace_back("train/loss", recent.loss());
    values.emplace_back("train/staleness", recent.staleness());
    const std::vector<double> losses = TaskLosses(recent);
    for (size_t i = 0; i < losses.size() && i < static_cast<size_t>(spec_.schema().tasks_size());
         ++i) {
      values.emplace_back("train/loss/" + spec_.schema().tasks(static_cast<int>(i)).name(),
                          losses[i]);
    }
  }
  WriteEvents(static_cast<int64_t>(progress.batches_done), values);
}

void MetricsWriter::OnEpoch(const scheduler::EpochSummary& epoch) {
  WriteLine(Text({{"kind", "epoch"},
                  {"time", SecondsSince1970()},
                  {"epoch", epoch.epoch},
                  {"seconds", epoch.seconds},
                  {"samples", epoch.sums.samples},
                  {"batches", epoch.sums.batches},
                  {"loss", epoch.sums.loss()},
                  {"task_losses", TaskLosses(epoch.sums)},
                  {"staleness", epoch.sums.staleness()},
                  {"ledger", epoch.ledger},
                  {"ledger_expected", epoch.ledger_expected}}));
}

void MetricsWriter::OnEvaluation(const scheduler::Evaluation& evaluation) {
  const model::Metrics metrics = MetricsOf(spec_, evaluation);
  const model::Overall overall = metrics.ComputeOverall();
  Json cells = Json::array();
  for (uint32_t task = 0; task < metrics.tasks(); ++task) {
    for (uint32_t scenario = 0; scenario < metrics.scenarios(); ++scenario) {
      const model::Figures figures = model::FiguresOf(metrics.cell(task, scenario));
      cells.push_back({{"task", spec_.job().data().tasks(static_cast<int>(task)).name()},
                       {"scenario", spec_.schema().scenarios(static_cast<int>(scenario))},
                       {"nmae", Number(figures.nmae)},
                       {"smape", Number(figures.smape)},
                       {"loss", Number(figures.loss)},
                       {"deviance", Number(figures.deviance)},
                       {"samples", metrics.cell(task, scenario).samples}});
    }
  }
  WriteLine(Text({{"kind", "evaluation"},
                  {"time", SecondsSince1970()},
                  {"split", evaluation.split},
                  {"epoch", evaluation.epoch},
                  {"samples", evaluation.samples},
                  {"seconds", evaluation.seconds},
                  {"overall", {{"nmae", Number(overall.nmae)}, {"smape", Number(overall.smape)}}},
                  {"cells", cells}}));
  std::vector<std::pair<std::string, double>> values;
  if (overall.nmae.has_value()) values.emplace_back(evaluation.split + "/nmae", *overall.nmae);
  if (overall.smape.has_value()) values.emplace_back(evaluation.split + "/smape", *overall.smape);
  WriteEvents(evaluation.epoch + 1, values);
}

void MetricsWriter::OnCheckpoint(const std::string& directory, double seconds) {
  WriteLine(Text({{"kind", "checkpoint"},
                  {"time", SecondsSince1970()},
                  {"directory", directory},
                  {"seconds", seconds}}));
}

void MetricsWriter::OnRunEnd(const absl::Status& status) {
  WriteLine(Text({{"kind", "end"},
                  {"time", SecondsSince1970()},
                  {"ok", status.ok()},
                  {"message", std::string(status.message())}}));
}

void MetricsWriter::WriteLine(const std::string& line) {
  const std::string text = line + "\n";
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() || std::fflush(file_) != 0) {
    return Tell(absl::ErrnoToStatus(errno, fmt::format("cannot write {}", path_)));
  }
  told_ = false;
}

void MetricsWriter::WriteEvents(int64_t step,
                                const std::vector<std::pair<std::string, double>>& values) {
  if (values.empty()) return;
  const absl::Status status = events_->Write(step, values);
  if (!status.ok()) Tell(status);
}

void MetricsWriter::Tell(const absl::Status& status) {
  if (!std::exchange(told_, true)) LOG(WARNING) << status << "; the run goes on without";
}

}  // namespace caravan::launch
