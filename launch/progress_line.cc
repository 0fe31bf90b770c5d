#include "launch/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace caravan::launch {

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressLine::Show(std::string_view stage, double fraction, std::optional<uint64_t> rows) {
  const auto percent = static_cast<int>(fraction * 100);
  const bool another_stage = stage != stage_;
  if (another_stage) Close();
  const int step = terminal_ ? 1 : 10;
  if (!another_stage && percent / step == percent_ / step) return;
  std::string text = fmt::format("{:<9} {:>3} %", stage, percent);
  if (rows.has_value()) text += fmt::format("  {} rows", *rows);
  if (terminal_) {
    fmt::print(stderr, "\r{}", text);
    std::fflush(stderr);
    open_ = true;
  } else {
    fmt::print(stderr, "{}\n", text);
  }
  stage_ = stage;
  percent_ = percent;
}

void ProgressLine::Close() {
  if (open_) fmt::print(stderr, "\n");
  open_ = false;
  percent_ = 0;
}

}  // namespace caravan::launch
