#include "launch/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/job_loader.h"
#include "launch/report/human_text.h"
#include "launch/report/page_style.h"
#include "launch/report/svg_chart.h"

namespace caravan::launch {
namespace {

std::string FigureText(const std::optional<double>& figure) {
  return figure.has_value() ? fmt::format("{:.4f}", *figure) : "–";
}

std::string Fact(const std::string& value, std::string_view label) {
  return fmt::format("<div class=\"fact\"><b>{}</b><span>{}</span></div>\n", value, label);
}

std::string Facts(const RunRecord& record) {
  std::string html = "<div class=\"facts\">\n";
  const EvaluationRecord* evaluation = record.LastEvaluation("test");
  if (evaluation == nullptr) evaluation = record.LastEvaluation("valid");
  if (evaluation != nullptr) {
    const std::string split = EscapeHtml(evaluation->split);
    html += Fact(FigureText(evaluation->table.overall.nmae), "NMAE, " + split);
    html += Fact(FigureText(evaluation->table.overall.smape), "SMAPE, " + split);
  }
  double speed = 0;
  double memory = 0;
  double pulled = 0;
  double pushed = 0;
  for (const ProgressRecord& progress : record.progress) {
    speed = std::max(speed, progress.samples_per_s);
    memory = std::max(memory, progress.resident_bytes);
    pulled = std::max(pulled, progress.bytes_pulled);
    pushed = std::max(pushed, progress.bytes_pushed);
  }
  if (!record.progress.empty()) {
    html += Fact(HumanSeconds(record.progress.back().seconds), "run time");
    html += Fact(Thousands(speed), "samples/s at best");
    html += Fact(HumanBytes(memory), "memory of all processes, peak");
    html += Fact(HumanBytes(pulled) + " / " + HumanBytes(pushed), "pulled / pushed");
  }
  return html + "</div>\n";
}

std::string Scores(const EvaluationRecord& evaluation) {
  const ScoreTable& table = evaluation.table;
  std::string html = fmt::format(
      "<h2>Scores on {} after epoch {}</h2>\n<div class=\"wide\"><table>"
      "<tr><th rowspan=\"2\">task</th>",
      EscapeHtml(evaluation.split), evaluation.epoch + 1);
  for (const std::string& name : table.scenario_names) {
    html += fmt::format("<th colspan=\"2\">{}</th>", EscapeHtml(name));
  }
  html += "</tr>\n<tr>";
  for (size_t i = 0; i < table.scenarios.size(); ++i) html += "<th>NMAE</th><th>SMAPE</th>";
  html += "</tr>\n";
  for (const ScoreRow& row : ScoreRows(table)) {
    html += fmt::format("<tr><td>{}</td>", EscapeHtml(row.name));
    for (const auto& [first, second] : row.figures) {
      html += fmt::format("<td>{}</td><td>{}</td>", FigureText(first), FigureText(second));
    }
    html += "</tr>\n";
  }
  html += fmt::format("</table></div>\n<p>Overall, the plain mean over cells: NMAE {}, SMAPE {}.",
                      FigureText(table.overall.nmae), FigureText(table.overall.smape));
  if (table.overall.nmae_cells < table.overall.cells) {
    html += fmt::format(" {} cells, whose labels sum to 0, are left out of NMAE.",
                        table.overall.cells - table.overall.nmae_cells);
  }
  return html + "</p>\n";
}

std::string Curves(const RunRecord& record) {
  ChartLine loss{.name = "loss", .points = {}};
  ChartLine speed{.name = "samples/s", .points = {}};
  ChartLine memory{.name = "memory", .points = {}};
  ChartLine workers{.name = "workers", .points = {}};
  for (const ProgressRecord& progress : record.progress) {
    if (progress.loss.has_value()) loss.points.emplace_back(progress.batches_done, *progress.loss);
    speed.points.emplace_back(progress.seconds, progress.samples_per_s);
    memory.points.emplace_back(progress.seconds, progress.resident_bytes / 1e9);
    workers.points.emplace_back(progress.seconds, progress.workers);
  }
  std::vector<ChartLine> nmae;
  std::vector<ChartLine> smape;
  for (const std::string split : {"valid", "test"}) {
    ChartLine nmae_line{.name = split, .points = {}, .dots = true};
    ChartLine smape_line = nmae_line;
    for (const EvaluationRecord& evaluation : record.evaluations) {
      if (evaluation.split != split) continue;
      const model::Overall& overall = evaluation.table.overall;
      if (overall.nmae.has_value())
        nmae_line.points.emplace_back(evaluation.epoch + 1, *overall.nmae);
      if (overall.smape.has_value()) {
        smape_line.points.emplace_back(evaluation.epoch + 1, *overall.smape);
      }
    }
    nmae.push_back(std::move(nmae_line));
    smape.push_back(std::move(smape_line));
  }
  std::string html = "<h2>Curves</h2>\n<div class=\"charts\">\n";
  html += ChartSvg({"Training loss", "batches", {std::move(loss)}, false});
  html += ChartSvg({"NMAE, overall", "epoch", std::move(nmae), false});
  html += ChartSvg({"SMAPE, overall", "epoch", std::move(smape), false});
  html += ChartSvg({"Samples per second", "seconds", {std::move(speed)}, true});
  html += ChartSvg({"Memory of all processes, GB", "seconds", {std::move(memory)}, true});
  html += ChartSvg({"Workers alive", "seconds", {std::move(workers)}, true});
  return html + "</div>\n";
}

std::string Ledger(const RunRecord& record) {
  std::string html =
      "<h2>Ledger</h2>\n<p>Samples that each shard applied, against the training split's "
      "size.</p>\n"
      "<div class=\"wide\"><table><tr><th>epoch</th><th>shards</th><th>fewest</th><th>most</th>"
      "<th>expected</th><th>exact</th><th>time</th><th>loss</th><th>staleness</th></tr>\n";
  for (const EpochRecord& epoch : record.epochs) {
    const auto [low, high] = std::minmax_element(epoch.ledger.begin(), epoch.ledger.end());
    const bool any = low != epoch.ledger.end();
    const bool exact = any && *low == epoch.ledger_expected && *high == epoch.ledger_expected;
    html += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td>{:.4f}</td><td>{:.1f}</td></tr>\n",
        epoch.epoch + 1, epoch.ledger.size(), any ? Thousands(*low) : "–",
        any ? Thousands(*high) : "–", Thousands(epoch.ledger_expected), exact ? "yes" : "no",
        HumanSeconds(epoch.seconds), epoch.loss, epoch.staleness);
  }
  return html + "</table></div>\n";
}

std::string Checkpoints(const RunRecord& record) {
  std::string html =
      "<h2>Checkpoints</h2>\n<div class=\"wide\"><table><tr><th>directory</th>"
      "<th>seconds</th></tr>\n";
  for (const CheckpointRecord& checkpoint : record.checkpoints) {
    html += fmt::format("<tr><td>{}</td><td>{:.2f}</td></tr>\n", EscapeHtml(checkpoint.directory),
                        checkpoint.seconds);
  }
  return html + "</table></div>\n";
}

}  // namespace

std::string ReportHtml(const conf::RunSpec& spec, const RunRecord& record) {
  const conf::Job& job = spec.job();
  const std::string name = EscapeHtml(job.name());
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">\n<title>{} · "
      "Caravan</title>\n{}</head><body>\n",
      name, kPageStyle);
  html += fmt::format(
      "<h1>{}</h1>\n<p class=\"lead\">{} on {}, {} epochs, {} servers of {} lanes, {} workers, "
      "batches of {}. {}{}</p>\n",
      name, EscapeHtml(job.model().net()), EscapeHtml(spec.schema().name()),
      job.training().epochs(), job.cluster().servers(), job.cluster().lanes(),
      job.cluster().workers(), job.training().batch_size(),
      record.ended_well ? "Ended well." : "Not ended well: " + EscapeHtml(record.end_message) + ".",
      record.starts > 1 ? fmt::format(" Resumed {} times.", record.starts - 1) : "");
  html += Facts(record);
  const EvaluationRecord* test = record.LastEvaluation("test");
  const EvaluationRecord* valid = record.LastEvaluation("valid");
  if (test != nullptr) html += Scores(*test);
  if (valid != nullptr) html += Scores(*valid);
  html += Curves(record);
  html += Ledger(record);
  html += Checkpoints(record);
  html += fmt::format(
      "<h2>Job</h2>\n<details><summary>as resolved, every default written "
      "out</summary><pre>{}</pre>"
      "</details>\n</body></html>\n",
      EscapeHtml(conf::JobText(job)));
  return html;
}

}  // namespace caravan::launch
