#include "launch/report/score_table.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace caravan::launch {
namespace {

constexpr size_t kFigureWidth = 8;
constexpr std::string_view kNoFigure = "-";

std::string FigureText(const std::optional<double>& figure) {
  return figure.has_value() ? fmt::format("{:.4f}", *figure) : std::string(kNoFigure);
}

nlohmann::ordered_json FigureJson(const std::optional<double>& figure) {
  return figure.has_value() ? nlohmann::ordered_json(*figure) : nlohmann::ordered_json(nullptr);
}

std::optional<double> Mean(double sum, uint32_t cells) {
  return cells == 0 ? std::nullopt : std::optional<double>(sum / cells);
}

model::Overall OverallOf(std::span<const ScoreCell> cells) {
  model::Overall overall;
  double nmae = 0;
  double smape = 0;
  for (const ScoreCell& cell : cells) {
    if (cell.figures.smape.has_value()) {
      ++overall.cells;
      smape += *cell.figures.smape;
    }
    if (cell.figures.nmae.has_value()) {
      ++overall.nmae_cells;
      nmae += *cell.figures.nmae;
    }
  }
  overall.nmae = Mean(nmae, overall.nmae_cells);
  overall.smape = Mean(smape, overall.cells);
  return overall;
}

ScoreTable EmptyTable(const conf::Schema& schema) {
  ScoreTable table;
  for (const conf::TaskSchema& task : schema.tasks()) table.tasks.push_back(task.name());
  table.scenarios.assign(schema.scenarios().begin(), schema.scenarios().end());
  table.scenario_names.assign(schema.scenario_names().begin(), schema.scenario_names().end());
  if (table.scenario_names.size() != table.scenarios.size()) {
    table.scenario_names = table.scenarios;
  }
  for (const std::string& task : table.tasks) {
    for (const std::string& scenario : table.scenarios) {
      table.cells.push_back({.task = task, .scenario = scenario, .samples = 0, .figures = {}});
    }
  }
  return table;
}

}  // namespace

ScoreTable MakeScoreTable(const conf::Schema& schema, const model::Metrics& metrics) {
  ScoreTable table = EmptyTable(schema);
  for (uint32_t task = 0; task < table.tasks.size(); ++task) {
    for (uint32_t scenario = 0; scenario < table.scenarios.size(); ++scenario) {
      ScoreCell& cell = table.cells[task * table.scenarios.size() + scenario];
      const model::CellSums& sums = metrics.cell(task, scenario);
      cell.samples = sums.samples;
      cell.figures = model::FiguresOf(sums);
    }
  }
  table.overall = OverallOf(table.cells);
  return table;
}

ScoreTable MakeScoreTable(const conf::Schema& schema, std::span<const net::CellSums> cells) {
  ScoreTable table = EmptyTable(schema);
  std::vector<model::CellSums> sums(table.cells.size());
  for (const net::CellSums& cell : cells) {
    if (cell.task() >= table.tasks.size() || cell.scenario() >= table.scenarios.size()) continue;
    sums[cell.task() * table.scenarios.size() + cell.scenario()].Merge(
        {.samples = cell.samples(),
         .absolute_error = cell.absolute_error(),
         .label = cell.label(),
         .smape = cell.smape(),
         .loss = cell.loss(),
         .deviance = cell.deviance(),
         .ranking = {.positives = {cell.positives().begin(), cell.positives().end()},
                     .negatives = {cell.negatives().begin(), cell.negatives().end()}}});
  }
  for (size_t i = 0; i < sums.size(); ++i) {
    table.cells[i].samples = sums[i].samples;
    table.cells[i].figures = model::FiguresOf(sums[i]);
  }
  table.overall = OverallOf(table.cells);
  return table;
}

std::vector<ScoreRow> ScoreRows(const ScoreTable& table) {
  std::vector<ScoreRow> rows;
  for (size_t task = 0; task < table.tasks.size(); ++task) {
    ScoreRow& row = rows.emplace_back();
    bool binary = false;
    for (size_t scenario = 0; scenario < table.scenarios.size(); ++scenario) {
      const ScoreCell& cell = table.cell(task, scenario);
      binary = binary || (cell.samples > 0 && !cell.figures.smape.has_value());
    }
    row.name = table.tasks[task] + (binary ? " (AUC, log loss)" : "");
    for (size_t scenario = 0; scenario < table.scenarios.size(); ++scenario) {
      const model::Figures& figures = table.cell(task, scenario).figures;
      row.figures.push_back(binary ? std::pair{figures.auc, figures.loss}
                                   : std::pair{figures.nmae, figures.smape});
    }
  }
  return rows;
}

std::string ScoreText(const ScoreTable& table) {
  const std::vector<ScoreRow> rows = ScoreRows(table);
  size_t task_width = std::string_view("scenario").size();
  for (const ScoreRow& row : rows) task_width = std::max(task_width, row.name.size());
  std::string names = fmt::format("{:<{}}", "scenario", task_width);
  std::string heads = fmt::format("{:<{}}", "task", task_width);
  for (const std::string& name : table.scenario_names) {
    constexpr size_t kPairWidth = 2 * kFigureWidth + 1;
    names += fmt::format("  {:>{}.{}}", name, kPairWidth, kPairWidth);
    heads += fmt::format("  {:>{}} {:>{}}", "NMAE", kFigureWidth, "SMAPE", kFigureWidth);
  }
  std::string text = fmt::format("{}\n{}\n{}\n", names, heads, std::string(heads.size(), '-'));
  for (const ScoreRow& row : rows) {
    text += fmt::format("{:<{}}", row.name, task_width);
    for (const auto& [first, second] : row.figures) {
      text += fmt::format("  {:>{}} {:>{}}", FigureText(first), kFigureWidth, FigureText(second),
                          kFigureWidth);
    }
    text += "\n";
  }
  text += fmt::format("Overall  NMAE {}  SMAPE {}\n", FigureText(table.overall.nmae),
                      FigureText(table.overall.smape));
  text +=
      fmt::format("plain mean over {} cells; predictions are not rounded\n", table.overall.cells);
  if (table.overall.nmae_cells < table.overall.cells) {
    text += fmt::format("NMAE leaves out {} cells whose labels sum to 0\n",
                        table.overall.cells - table.overall.nmae_cells);
  }
  return text;
}

std::string ScoreJson(const ScoreTable& table) {
  nlohmann::ordered_json json;
  json["overall"]["nmae"] = FigureJson(table.overall.nmae);
  json["overall"]["smape"] = FigureJson(table.overall.smape);
  json["cells"] = nlohmann::ordered_json::array();
  for (const ScoreCell& cell : table.cells) {
    nlohmann::ordered_json& entry = json["cells"].emplace_back();
    entry["task"] = cell.task;
    entry["scenario"] = cell.scenario;
    entry["nmae"] = FigureJson(cell.figures.nmae);
    entry["smape"] = FigureJson(cell.figures.smape);
    entry["samples"] = cell.samples;
    entry["auc"] = FigureJson(cell.figures.auc);
    entry["loss"] = FigureJson(cell.figures.loss);
    entry["deviance"] = FigureJson(cell.figures.deviance);
  }
  return json.dump();
}

}  // namespace caravan::launch
