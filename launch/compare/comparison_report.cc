#include "launch/compare/comparison_report.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <string_view>
#include <utility>

#include "launch/compare/comparison_text.h"
#include "launch/report/page_style.h"
#include "launch/report/svg_chart.h"

namespace caravan::launch {
namespace {

std::string BoldIf(bool best, const std::string& text) {
  return best ? fmt::format("<b>{}</b>", text) : text;
}

std::string OverallTable(const Comparison& comparison) {
  std::string html = fmt::format(
      "<div class=\"wide\"><table><tr><th>model</th><th>NMAE</th><th>SMAPE</th><th>seeds</th>"
      "<th>NMAE against the best baseline</th><th>NMAE less that of {}</th></tr>\n",
      EscapeHtml(comparison.reference));
  for (const ComparedModel& model : comparison.models) {
    const bool spread = model.seeds > 1;
    const bool trained = model.trained;
    html += fmt::format(
        "<tr><td>{}{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        EscapeHtml(model.name), model.beats_yardsticks ? "" : " (behind a yardstick)",
        BoldIf(trained && model.nmae.mean == comparison.BestNmae(), SpreadText(model.nmae, spread)),
        BoldIf(trained && model.smape.mean == comparison.BestSmape(),
               SpreadText(model.smape, spread)),
        trained ? fmt::format("{}", model.seeds) : "–", EscapeHtml(GainText(comparison, model)),
        EscapeHtml(DifferenceText(model)));
  }
  return html + "</table></div>\n";
}

// The lowest of a figure in a cell over the trained models; of the AUC the highest.
double BestInCell(const Comparison& comparison, size_t cell,
                  std::optional<Spread> ComparedCell::*figure) {
  const double sign = figure == &ComparedCell::auc ? -1 : 1;
  double best = std::numeric_limits<double>::infinity();
  for (const ComparedModel& model : comparison.models) {
    const std::optional<Spread>& value = model.cells[cell].*figure;
    if (model.trained && value.has_value()) best = std::min(best, sign * value->mean);
  }
  return sign * best;
}

std::string FigureCell(const Comparison& comparison, const ComparedModel& model, size_t cell,
                       std::optional<Spread> ComparedCell::*figure) {
  const std::optional<Spread>& value = model.cells[cell].*figure;
  if (!value.has_value()) return "<td>–</td>";
  const bool best = model.trained && value->mean == BestInCell(comparison, cell, figure);
  return fmt::format("<td title=\"± {:.4f} over seeds\">{}</td>", value->deviation,
                     BoldIf(best, SpreadText(*value, false)));
}

std::string CellsTable(const Comparison& comparison) {
  std::string html =
      "<div class=\"wide\"><table><tr><th rowspan=\"2\">task</th><th rowspan=\"2\">model</th>";
  for (const std::string& name : comparison.scenario_names) {
    html += fmt::format("<th colspan=\"2\">{}</th>", EscapeHtml(name));
  }
  html += "</tr>\n<tr>";
  for (size_t s = 0; s < comparison.scenarios.size(); ++s) html += "<th>NMAE</th><th>SMAPE</th>";
  html += "</tr>\n";
  for (size_t task = 0; task < comparison.tasks.size(); ++task) {
    const bool is_binary = comparison.HasFigure(task, &ComparedCell::log_loss);
    const std::string name = comparison.tasks[task] + (is_binary ? " (AUC, log loss)" : "");
    const auto first = is_binary ? &ComparedCell::auc : &ComparedCell::nmae;
    const auto second = is_binary ? &ComparedCell::log_loss : &ComparedCell::smape;
    for (size_t m = 0; m < comparison.models.size(); ++m) {
      const ComparedModel& model = comparison.models[m];
      html += "<tr>";
      if (m == 0) {
        html +=
            fmt::format("<td rowspan=\"{}\">{}</td>", comparison.models.size(), EscapeHtml(name));
      }
      html += fmt::format("<td>{}</td>", EscapeHtml(model.name));
      for (size_t s = 0; s < comparison.scenarios.size(); ++s) {
        const size_t cell = task * comparison.scenarios.size() + s;
        html += FigureCell(comparison, model, cell, first);
        html += FigureCell(comparison, model, cell, second);
      }
      html += "</tr>\n";
    }
  }
  return html + "</table></div>\n";
}

// A sweep's models are named field=value.
std::optional<double> SweptValue(const ComparedModel& model) {
  const std::string_view text = std::string_view(model.name).substr(model.name.find('=') + 1);
  double value = 0;
  const auto parsed = std::from_chars(text.begin(), text.end(), value);
  if (!model.trained || parsed.ec != std::errc()) return std::nullopt;
  return value;
}

std::string SweepChart(const Comparison& comparison, const std::string& field,
                       const std::string& figure, Spread ComparedModel::*part) {
  std::vector<ChartLine> lines = {{.name = "mean", .points = {}, .dots = true},
                                  {.name = "+ deviation", .points = {}},
                                  {.name = "- deviation", .points = {}}};
  for (const ComparedModel& model : comparison.models) {
    const std::optional<double> value = SweptValue(model);
    if (!value.has_value()) continue;
    const Spread& spread = model.*part;
    lines[0].points.emplace_back(*value, spread.mean);
    lines[1].points.emplace_back(*value, spread.mean + spread.deviation);
    lines[2].points.emplace_back(*value, spread.mean - spread.deviation);
  }
  for (ChartLine& line : lines) std::ranges::sort(line.points);
  return ChartSvg({figure + ", overall", field, std::move(lines), false});
}

std::string SearchTable(const Comparison& comparison) {
  if (comparison.search.empty()) return "";
  std::string html =
      "<h2>Search</h2>\n<p>Each model trained once at each setting; the lowest NMAE on the "
      "validation split was chosen, and only that one went on to the test split.</p>\n"
      "<div class=\"wide\"><table><tr><th>model</th><th>setting</th><th>NMAE</th><th>SMAPE</th>"
      "</tr>\n";
  for (const SearchedPoint& point : comparison.search) {
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.4f}</td></tr>\n",
                        EscapeHtml(point.model), EscapeHtml(point.point),
                        BoldIf(point.chosen, fmt::format("{:.4f}", point.nmae)), point.smape);
  }
  return html + "</table></div>\n";
}

}  // namespace

std::string ComparisonHtml(const Comparison& comparison, const std::string& sweep) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>{} compared</title>\n{}"
      "</head><body>\n<h1>{}</h1>\n<p class=\"lead\">models compared on the {} split</p>\n",
      EscapeHtml(comparison.job), kPageStyle, EscapeHtml(comparison.job),
      EscapeHtml(comparison.split));
  html += "<h2>Overall</h2>\n" + OverallTable(comparison);
  html += fmt::format(
      "<p>Plain mean over tasks × scenarios, predictions not rounded; ± is the deviation over "
      "seeds. Differences: paired bootstrap over {} entities, {} draws, 95 % interval.</p>\n",
      comparison.entities, comparison.draws);
  for (const std::string& note : {SamplesNote(comparison), OracleNote(comparison)}) {
    if (!note.empty()) html += fmt::format("<p>{}</p>\n", EscapeHtml(note));
  }
  if (!sweep.empty()) {
    html += "<div class=\"charts\">\n";
    html += SweepChart(comparison, sweep, "NMAE", &ComparedModel::nmae);
    html += SweepChart(comparison, sweep, "SMAPE", &ComparedModel::smape);
    html += "</div>\n";
  }
  html += SearchTable(comparison);
  html += "<h2>By task and scenario</h2>\n" + CellsTable(comparison);
  return html + "</body></html>\n";
}

}  // namespace caravan::launch
