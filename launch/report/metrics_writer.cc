#include "launch/report/metrics_writer.h"

#include <fmt/format.h>
#include <glog/logging.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status_macros.h"
#include "launch/report/score_table.h"

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

std::vector<double> TaskLosses(const scheduler::TrainingSums& sums) {
  std::vector<double> losses = sums.task_loss_sums;
  for (double& loss : losses) loss /= static_cast<double>(std::max<uint64_t>(sums.samples, 1));
  return losses;
}

}  // namespace

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
  const ScoreTable table = MakeScoreTable(spec_.schema(), evaluation.cells);
  Json line = {{"kind", "evaluation"},          {"time", SecondsSince1970()},
               {"split", evaluation.split},     {"epoch", evaluation.epoch},
               {"samples", evaluation.samples}, {"seconds", evaluation.seconds}};
  line.update(Json::parse(ScoreJson(table), nullptr, /*allow_exceptions=*/false));
  WriteLine(Text(line));
  std::vector<std::pair<std::string, double>> values;
  const model::Overall& overall = table.overall;
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
