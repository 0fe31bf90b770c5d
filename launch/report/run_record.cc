#include "launch/report/run_record.h"

#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "base/file.h"
#include "base/status_macros.h"

namespace caravan::launch {
namespace {

using Json = nlohmann::json;

std::optional<double> Figure(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

double Number(const Json& object, const char* name) { return Figure(object, name).value_or(0); }

std::string Text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

ScoreTable TableOf(const conf::Schema& schema, const Json& line) {
  ScoreTable table = MakeScoreTable(schema, std::span<const net::CellSums>());
  if (line.contains("overall") && line["overall"].is_object()) {
    table.overall.nmae = Figure(line["overall"], "nmae");
    table.overall.smape = Figure(line["overall"], "smape");
  }
  if (!line.contains("cells") || !line["cells"].is_array()) return table;
  for (const Json& entry : line["cells"]) {
    if (!entry.is_object()) continue;
    for (ScoreCell& cell : table.cells) {
      if (cell.task != Text(entry, "task") || cell.scenario != Text(entry, "scenario")) continue;
      cell.samples = static_cast<uint64_t>(Number(entry, "samples"));
      cell.figures = {.nmae = Figure(entry, "nmae"),
                      .smape = Figure(entry, "smape"),
                      .auc = Figure(entry, "auc"),
                      .loss = Figure(entry, "loss"),
                      .deviance = Figure(entry, "deviance")};
      if (cell.figures.smape.has_value()) ++table.overall.cells;
      if (cell.figures.nmae.has_value()) ++table.overall.nmae_cells;
    }
  }
  return table;
}

EpochRecord EpochOf(const Json& line) {
  EpochRecord epoch{.epoch = static_cast<uint32_t>(Number(line, "epoch")),
                    .seconds = Number(line, "seconds"),
                    .samples = Number(line, "samples"),
                    .loss = Number(line, "loss"),
                    .staleness = Number(line, "staleness"),
                    .ledger_expected = Number(line, "ledger_expected"),
                    .ledger = {}};
  if (!line.contains("ledger") || !line["ledger"].is_array()) return epoch;
  for (const Json& samples : line["ledger"]) {
    if (samples.is_number()) epoch.ledger.push_back(samples.get<double>());
  }
  return epoch;
}

// Puts lines into a record; remembers how long the run ran before it was resumed.
class Recorder {
 public:
  Recorder(const conf::Schema& schema, RunRecord& record) : schema_(schema), record_(record) {}

  void Add(const Json& line) {
    const std::string kind = Text(line, "kind");
    if (kind == "start") {
      ++record_.starts;
      seconds_before_ = record_.progress.empty() ? 0 : record_.progress.back().seconds;
    } else if (kind == "progress") {
      record_.progress.push_back({.seconds = seconds_before_ + Number(line, "seconds"),
                                  .batches_done = Number(line, "batches_done"),
                                  .samples_per_s = Number(line, "samples_per_s"),
                                  .loss = Figure(line, "loss"),
                                  .workers = Number(line, "workers"),
                                  .bytes_pulled = Number(line, "bytes_pulled"),
                                  .bytes_pushed = Number(line, "bytes_pushed"),
                                  .resident_bytes = Number(line, "resident_bytes")});
    } else if (kind == "epoch") {
      record_.epochs.push_back(EpochOf(line));
    } else if (kind == "evaluation") {
      record_.evaluations.push_back({.split = Text(line, "split"),
                                     .epoch = static_cast<uint32_t>(Number(line, "epoch")),
                                     .table = TableOf(schema_, line)});
    } else if (kind == "checkpoint") {
      record_.checkpoints.push_back(
          {.directory = Text(line, "directory"), .seconds = Number(line, "seconds")});
    } else if (kind == "end") {
      record_.ended_well = line.contains("ok") && line["ok"] == true;
      record_.end_message = Text(line, "message");
    }
  }

 private:
  const conf::Schema& schema_;
  RunRecord& record_;
  double seconds_before_ = 0;
};

}  // namespace

const EvaluationRecord* RunRecord::LastEvaluation(const std::string& split) const {
  const EvaluationRecord* last = nullptr;
  for (const EvaluationRecord& evaluation : evaluations) {
    if (evaluation.split == split) last = &evaluation;
  }
  return last;
}

absl::StatusOr<RunRecord> LoadRunRecord(const std::string& metrics_path,
                                        const conf::Schema& schema) {
  CARAVAN_ASSIGN_OR_RETURN(const std::string text, ReadFile(metrics_path));
  RunRecord record;
  Recorder recorder(schema, record);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) recorder.Add(json);
  }
  return record;
}

}  // namespace caravan::launch
