// A line chart as SVG, coloured by the page's style sheet.
#ifndef CARAVAN_LAUNCH_REPORT_SVG_CHART_H_
#define CARAVAN_LAUNCH_REPORT_SVG_CHART_H_

#include <string>
#include <utility>
#include <vector>

namespace caravan::launch {

struct ChartLine {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x ascending; what is not finite is left out
  bool dots = false;                              // mark each point
};

struct Chart {
  std::string title;
  std::string x_label;
  std::vector<ChartLine> lines;
  bool y_from_zero = false;
};

// An <svg> element; a chart without a point says so. Text is escaped.
std::string ChartSvg(const Chart& chart);

// Text as HTML: & < > " escaped.
std::string EscapeHtml(const std::string& text);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_REPORT_SVG_CHART_H_
