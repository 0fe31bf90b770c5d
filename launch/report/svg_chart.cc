#include "launch/report/svg_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace caravan::launch {
namespace {

// The drawing area, in SVG units.
constexpr double kWidth = 520;
constexpr double kHeight = 240;
constexpr double kLeft = 58;
constexpr double kRight = 12;
constexpr double kTop = 34;
constexpr double kBottom = 38;
constexpr int kTicks = 4;
// More points than columns cannot be seen.
constexpr size_t kPointsMax = 400;

struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void Add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
  void Widen() {
    if (high - low > 0) return;
    const double margin = low == 0 ? 1 : std::abs(low) * 0.05;
    low -= margin;
    high += margin;
  }
};

// 1, 2 or 5 times a power of ten, so that at most kTicks + 1 of them fit.
double TickStep(const Extent& extent) {
  const double raw = (extent.high - extent.low) / kTicks;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10 * power;
}

std::string TickText(double value) {
  if (std::abs(value) >= 1e6) return fmt::format("{:.3g}M", value / 1e6);
  if (std::abs(value) >= 1e4) return fmt::format("{:.3g}k", value / 1e3);
  return fmt::format("{:.4g}", std::abs(value) < 1e-12 ? 0 : value);
}

class Scale {
 public:
  Scale(const Extent& x, const Extent& y) : x_(x), y_(y) {}
  double X(double value) const {
    return kLeft + (value - x_.low) / (x_.high - x_.low) * (kWidth - kLeft - kRight);
  }
  double Y(double value) const {
    return kHeight - kBottom - (value - y_.low) / (y_.high - y_.low) * (kHeight - kTop - kBottom);
  }

 private:
  Extent x_;
  Extent y_;
};

std::string Axes(const Extent& x, const Extent& y, const Scale& scale) {
  std::string svg;
  const double y_step = TickStep(y);
  for (double tick = std::ceil(y.low / y_step) * y_step; tick <= y.high + y_step * 1e-6;
       tick += y_step) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
        "<text class=\"tick\" x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
        kLeft, kWidth - kRight, scale.Y(tick), kLeft - 6, scale.Y(tick) + 4, TickText(tick));
  }
  const double x_step = TickStep(x);
  for (double tick = std::ceil(x.low / x_step) * x_step; tick <= x.high + x_step * 1e-6;
       tick += x_step) {
    svg +=
        fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                    scale.X(tick), kHeight - kBottom + 16, TickText(tick));
  }
  return svg;
}

std::string Path(const ChartLine& line, const Scale& scale, size_t colour) {
  std::string path;
  std::string dots;
  const size_t stride = line.points.size() / kPointsMax + 1;
  for (size_t i = 0; i < line.points.size(); ++i) {
    const auto& [x, y] = line.points[i];
    const bool last = i + 1 == line.points.size();
    if (!std::isfinite(x) || !std::isfinite(y) || (i % stride != 0 && !last)) continue;
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", scale.X(x), scale.Y(y));
    if (!line.dots) continue;
    dots += fmt::format("<circle class=\"dot{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>", colour,
                        scale.X(x), scale.Y(y));
  }
  return fmt::format("<path class=\"line{}\" d=\"{}\"/>{}\n", colour, path, dots);
}

}  // namespace

std::string EscapeHtml(const std::string& text) {
  std::string escaped;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += letter;
    }
  }
  return escaped;
}

std::string ChartSvg(const Chart& chart) {
  Extent x;
  Extent y;
  for (const ChartLine& line : chart.lines) {
    for (const auto& [point_x, point_y] : line.points) {
      if (!std::isfinite(point_x) || !std::isfinite(point_y)) continue;
      x.Add(point_x);
      y.Add(point_y);
    }
  }
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n<text class=\"title\" x=\"{}\" "
      "y=\"18\">{}</text>\n",
      kWidth, kHeight, EscapeHtml(chart.title), kLeft, EscapeHtml(chart.title));
  if (x.empty()) {
    return svg +
           fmt::format("<text class=\"tick\" x=\"{}\" y=\"{}\">nothing recorded</text></svg>\n",
                       kLeft, kHeight / 2);
  }
  if (chart.y_from_zero) y.Add(0);
  x.Widen();
  y.Widen();
  const Scale scale(x, y);
  svg += Axes(x, y, scale);
  double legend = kWidth - kRight;
  for (size_t i = 0; i < chart.lines.size(); ++i) {
    const size_t colour = i % 4;
    svg += Path(chart.lines[i], scale, colour);
    if (chart.lines.size() < 2) continue;
    svg += fmt::format("<text class=\"name{}\" x=\"{}\" y=\"18\" text-anchor=\"end\">{}</text>\n",
                       colour, legend, EscapeHtml(chart.lines[i].name));
    legend -= 12 + 7 * static_cast<double>(chart.lines[i].name.size());
  }
  return svg + fmt::format(
                   "<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>"
                   "</svg>\n",
                   kWidth - kRight, kHeight - 4, EscapeHtml(chart.x_label));
}

}  // namespace caravan::launch
