#include "launch/compare/comparison_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace caravan::launch {
namespace {

constexpr double kChanceMax = 0.05;

using Json = nlohmann::ordered_json;

size_t NameWidth(const Comparison& comparison) {
  size_t width = std::string_view("model").size();
  for (const ComparedModel& model : comparison.models) width = std::max(width, model.name.size());
  return width;
}

std::string OverallText(const Comparison& comparison) {
  const size_t width = NameWidth(comparison);
  std::string text = fmt::format("{:<{}}  {:>17}  {:>17}  {:<30}  {}\n", "model", width, "NMAE",
                                 "SMAPE", "NMAE against the best baseline",
                                 fmt::format("NMAE less that of {}", comparison.reference));
  text += std::string(text.size() - 1, '-') + "\n";
  for (const ComparedModel& model : comparison.models) {
    text +=
        fmt::format("{:<{}}  {:>17}  {:>17}  {:<30}  {}{}\n", model.name, width,
                    SpreadText(model.nmae, model.seeds > 1),
                    SpreadText(model.smape, model.seeds > 1), GainText(comparison, model),
                    DifferenceText(model), model.beats_yardsticks ? "" : "  BEHIND A YARDSTICK");
  }
  return text;
}

// One figure of a model by scenario; nothing where the model has it in none.
std::string RowText(const Comparison& comparison, const ComparedModel& model, size_t task,
                    std::optional<Spread> ComparedCell::*figure) {
  std::string text;
  bool is_empty = true;
  for (size_t s = 0; s < comparison.scenarios.size(); ++s) {
    const std::optional<Spread>& value =
        model.cells[task * comparison.scenarios.size() + s].*figure;
    is_empty = is_empty && !value.has_value();
    text += fmt::format("  {:>10}", value.has_value() ? SpreadText(*value, false) : "-");
  }
  return is_empty ? "" : text;
}

// One figure of all models that have it, a block a task; nothing where none has.
std::string CellsText(const Comparison& comparison, std::string_view title,
                      std::optional<Spread> ComparedCell::*figure) {
  const size_t width = NameWidth(comparison) + 2;
  std::string blocks;
  for (size_t task = 0; task < comparison.tasks.size(); ++task) {
    if (!comparison.HasFigure(task, figure)) continue;
    blocks += comparison.tasks[task] + "\n";
    for (const ComparedModel& model : comparison.models) {
      const std::string row = RowText(comparison, model, task, figure);
      if (!row.empty()) blocks += fmt::format("  {:<{}}{}\n", model.name, width - 2, row);
    }
  }
  if (blocks.empty()) return "";
  std::string head = fmt::format("\n{:<{}}", title, width);
  for (const std::string& name : comparison.scenario_names) {
    head += fmt::format("  {:>10.10}", name);
  }
  return head + "\n" + blocks;
}

Json OptionalJson(const std::optional<Spread>& spread, double Spread::*part) {
  return spread.has_value() ? Json((*spread).*part) : Json(nullptr);
}

Json CellJson(const ComparedCell& cell) {
  Json json;
  json["task"] = cell.task;
  json["scenario"] = cell.scenario;
  json["nmae"] = OptionalJson(cell.nmae, &Spread::mean);
  json["smape"] = OptionalJson(cell.smape, &Spread::mean);
  json["nmae_spread"] = OptionalJson(cell.nmae, &Spread::deviation);
  json["smape_spread"] = OptionalJson(cell.smape, &Spread::deviation);
  json["auc"] = OptionalJson(cell.auc, &Spread::mean);
  json["log_loss"] = OptionalJson(cell.log_loss, &Spread::mean);
  json["auc_spread"] = OptionalJson(cell.auc, &Spread::deviation);
  json["log_loss_spread"] = OptionalJson(cell.log_loss, &Spread::deviation);
  json["samples"] = cell.samples;
  return json;
}

// The mean and the deviation.
std::string CsvNumbers(const std::optional<Spread>& spread) {
  return spread.has_value() ? fmt::format("{:.6f},{:.6f}", spread->mean, spread->deviation) : ",";
}

std::string SearchText(const Comparison& comparison) {
  if (comparison.search.empty()) return "";
  const size_t width = NameWidth(comparison);
  std::string text =
      fmt::format("\n{:<{}}  {:>8}  {:>8}  searched, by NMAE on the validation split\n", "model",
                  width, "NMAE", "SMAPE");
  for (const SearchedPoint& point : comparison.search) {
    text += fmt::format("{:<{}}  {:>8.4f}  {:>8.4f}  {}{}\n", point.model, width, point.nmae,
                        point.smape, point.point, point.chosen ? "  <- chosen" : "");
  }
  return text;
}

}  // namespace

std::string SpreadText(const Spread& spread, bool with_deviation) {
  return with_deviation ? fmt::format("{:.4f} ± {:.4f}", spread.mean, spread.deviation)
                        : fmt::format("{:.4f}", spread.mean);
}

std::string GainText(const Comparison& comparison, const ComparedModel& model) {
  const ComparedModel* best = comparison.BestBaseline();
  if (best == nullptr || !model.trained || !model.same_samples || &model == best ||
      best->nmae.mean <= 0) {
    return "";
  }
  const double gain = 100 * (1 - model.nmae.mean / best->nmae.mean);
  return fmt::format("{:.1f} % {} than {}", std::abs(gain), gain >= 0 ? "better" : "worse",
                     best->name);
}

std::string DifferenceText(const ComparedModel& model) {
  if (!model.same_samples) return "other samples";
  if (!model.difference.has_value()) return "";
  const PairedDifference& difference = *model.difference;
  return fmt::format("{:+.4f} [{:+.4f}, {:+.4f}], {}", difference.mean, difference.low,
                     difference.high,
                     difference.chance <= kChanceMax ? "differs" : "may be chance");
}

std::string SamplesNote(const Comparison& comparison) {
  if (std::ranges::all_of(comparison.models, &ComparedModel::same_samples)) return "";
  return fmt::format(
      "other samples: not scored on the test samples of {}, so that the figures do not compare. "
      "data.history_days\ndecides which samples there are where data.min_active_days asks for "
      "active days within the history:\ndata.active_window_days, set to the longest of them, gives "
      "all the same.\n",
      comparison.reference);
}

std::string OracleNote(const Comparison& comparison) {
  if (std::ranges::none_of(comparison.models, &ComparedModel::oracle)) return "";
  return fmt::format(
      "{}: the median of each label's true distribution, no prediction has a lower expected NMAE; "
      "{}: its mean.\nBoth know the days ahead of the anchor, which no model can.\n",
      kOracleMedian, kOracleMean);
}

std::string ComparisonText(const Comparison& comparison) {
  std::string text = OverallText(comparison);
  text += fmt::format(
      "\nOverall: plain mean over tasks x scenarios of the {} split, predictions not rounded; ±: "
      "deviation over seeds.\nDifferences: paired bootstrap over {} entities, {} draws, 95 % "
      "interval.\n",
      comparison.split, comparison.entities, comparison.draws);
  text += SamplesNote(comparison);
  text += OracleNote(comparison);
  text += SearchText(comparison);
  text += CellsText(comparison, "NMAE", &ComparedCell::nmae);
  text += CellsText(comparison, "SMAPE", &ComparedCell::smape);
  text += CellsText(comparison, "AUC", &ComparedCell::auc);
  text += CellsText(comparison, "log loss", &ComparedCell::log_loss);
  return text;
}

std::string ComparisonJson(const Comparison& comparison) {
  Json json;
  json["job"] = comparison.job;
  json["split"] = comparison.split;
  json["reference"] = comparison.reference;
  json["entities"] = comparison.entities;
  json["draws"] = comparison.draws;
  json["models"] = Json::array();
  for (const ComparedModel& model : comparison.models) {
    Json& entry = json["models"].emplace_back();
    entry["name"] = model.name;
    entry["trained"] = model.trained;
    entry["same_samples"] = model.same_samples;
    entry["oracle"] = model.oracle;
    entry["seeds"] = model.seeds;
    entry["overall"] = {{"nmae", model.nmae.mean}, {"smape", model.smape.mean}};
    entry["spread"] = {{"nmae", model.nmae.deviation}, {"smape", model.smape.deviation}};
    entry["difference"] = nullptr;
    if (model.difference.has_value()) {
      entry["difference"] = {{"nmae", model.difference->mean},
                             {"low", model.difference->low},
                             {"high", model.difference->high},
                             {"chance", model.difference->chance}};
    }
    entry["beats_yardsticks"] = model.beats_yardsticks;
    entry["cells"] = Json::array();
    for (const ComparedCell& cell : model.cells) entry["cells"].push_back(CellJson(cell));
  }
  json["search"] = Json::array();
  for (const SearchedPoint& point : comparison.search) {
    json["search"].push_back({{"model", point.model},
                              {"point", point.point},
                              {"nmae", point.nmae},
                              {"smape", point.smape},
                              {"chosen", point.chosen}});
  }
  return json.dump();
}

std::string ComparisonCsv(const Comparison& comparison) {
  std::string text =
      "model,task,scenario,nmae,nmae_spread,smape,smape_spread,samples,auc,auc_spread,log_loss,"
      "log_loss_spread\n";
  for (const ComparedModel& model : comparison.models) {
    text += fmt::format("\"{}\",,,{:.6f},{:.6f},{:.6f},{:.6f},,,,,\n", model.name, model.nmae.mean,
                        model.nmae.deviation, model.smape.mean, model.smape.deviation);
    for (const ComparedCell& cell : model.cells) {
      text += fmt::format("\"{}\",\"{}\",\"{}\",{},{},{},{}\n", model.name, cell.task,
                          cell.scenario, CsvNumbers(cell.nmae), CsvNumbers(cell.smape),
                          cell.samples, CsvNumbers(cell.auc) + "," + CsvNumbers(cell.log_loss));
    }
  }
  return text;
}

}  // namespace caravan::launch
