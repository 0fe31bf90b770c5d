// A comparison as one self-contained page, laid out as Table 4 of the M2M paper.
#ifndef CARAVAN_LAUNCH_COMPARE_COMPARISON_REPORT_H_
#define CARAVAN_LAUNCH_COMPARE_COMPARISON_REPORT_H_

#include <string>

#include "launch/compare/comparison.h"

namespace caravan::launch {

// Overall first, then tasks x scenarios; the best trained model in bold, those that a yardstick
// beats marked as such. `sweep`: the field that the models differ in, empty where they are nets; a
// sweep is drawn too, figures over the field's values with the spread over seeds.
std::string ComparisonHtml(const Comparison& comparison, const std::string& sweep);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_COMPARE_COMPARISON_REPORT_H_
