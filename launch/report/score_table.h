// The scores of a split, laid out as Table 4 of the M2M paper: NMAE and SMAPE by task and scenario,
// and their plain mean. From sums, wherever they were gathered.
#ifndef CARAVAN_LAUNCH_REPORT_SCORE_TABLE_H_
#define CARAVAN_LAUNCH_REPORT_SCORE_TABLE_H_

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "conf/schema.pb.h"
#include "model/metrics.h"
#include "net/wire.pb.h"

namespace caravan::launch {

struct ScoreCell {
  std::string task;
  std::string scenario;  // id, as in the data
  uint64_t samples = 0;
  model::Figures figures;
};

struct ScoreTable {
  std::vector<std::string> tasks;
  std::vector<std::string> scenarios;       // ids
  std::vector<std::string> scenario_names;  // for people
  std::vector<ScoreCell> cells;             // [tasks, scenarios]
  model::Overall overall;

  const ScoreCell& cell(size_t task, size_t scenario) const {
    return cells[task * scenarios.size() + scenario];
  }
};

// Of a local evaluation. `metrics` has the schema's tasks and scenarios.
ScoreTable MakeScoreTable(const conf::Schema& schema, const model::Metrics& metrics);
// Of an evaluation round: cells in any order; those of unknown tasks or scenarios are left out.
ScoreTable MakeScoreTable(const conf::Schema& schema, std::span<const net::CellSums> cells);

// A task's line of a table for people: NMAE and SMAPE of each scenario, or AUC and log loss of a
// binary task, whose name says so.
struct ScoreRow {
  std::string name;
  std::vector<std::pair<std::optional<double>, std::optional<double>>> figures;  // by scenario
};
std::vector<ScoreRow> ScoreRows(const ScoreTable& table);

// For a terminal: a line a task, two columns a scenario, Overall below.
std::string ScoreText(const ScoreTable& table);

// {"overall":{"nmae","smape"},"cells":[{"task","scenario","nmae","smape","samples","auc","loss",
// "deviance"}]}; a figure that a cell does not have is null.
std::string ScoreJson(const ScoreTable& table);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_REPORT_SCORE_TABLE_H_
