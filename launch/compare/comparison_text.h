// A comparison for terminals and programs. The page is comparison_report's.
#ifndef CARAVAN_LAUNCH_COMPARE_COMPARISON_TEXT_H_
#define CARAVAN_LAUNCH_COMPARE_COMPARISON_TEXT_H_

#include <string>

#include "launch/compare/comparison.h"

namespace caravan::launch {

// Overall, a line a model: NMAE and SMAPE with their spread over seeds, the gain in NMAE over the
// best baseline, the paired difference to the reference; then NMAE and SMAPE by task and scenario.
std::string ComparisonText(const Comparison& comparison);

// {"models":[{"name","trained","oracle","seeds","overall":{"nmae","smape"},
// "spread":{"nmae","smape"},"difference":{"nmae","low","high","chance"},"beats_yardsticks",
// "cells":[{"task","scenario","nmae","smape","nmae_spread","smape_spread","samples"}]}],
// "search":[{"model","point","nmae","smape","chosen"}]}; what there is not is null.
std::string ComparisonJson(const Comparison& comparison);

// A line a model, task and scenario, and one a model for Overall; a header first.
std::string ComparisonCsv(const Comparison& comparison);

// "3.1 % better than cgc": the model's NMAE against that of the best trained baseline; empty for
// that one itself, for yardsticks and where the samples are others.
std::string GainText(const Comparison& comparison, const ComparedModel& model);
// "differs" or "may be chance", with the interval, or "other samples"; empty for the reference.
std::string DifferenceText(const ComparedModel& model);
// Which models do not compare, and why; empty where all were scored on the same samples.
std::string SamplesNote(const Comparison& comparison);
// What the oracles' rows are, for people; empty where there are none.
std::string OracleNote(const Comparison& comparison);
std::string SpreadText(const Spread& spread, bool with_deviation);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_COMPARE_COMPARISON_TEXT_H_
