#include "launch/report/progress_printer.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "launch/report/live_view.h"

namespace caravan::launch {
namespace {

constexpr Millis kPlainEvery{15000};

size_t TerminalColumns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

class PlainPrinter final : public ProgressPrinter {
 public:
  PlainPrinter(const Clock& clock, std::FILE* out) : clock_(clock), out_(out) {}

  void Update(const scheduler::Status& status) override {
    const Marks marks{status.phase(), status.epoch(), status.last_evaluation().split(),
                      status.last_evaluation().epoch(), status.last_checkpoint().number()};
    const std::vector<std::string> waits = WaitLines(status);
    const Millis now = clock_.Now();
    const bool is_time = !printed_.has_value() || now - *printed_ >= kPlainEvery;
    // Waits come and go where workers outnumber processors.
    const bool is_first_wait =
        !waits.empty() && (!wait_printed_.has_value() || now - *wait_printed_ >= kPlainEvery);
    if (marks == marks_ && !is_time && !is_first_wait) return;
    marks_ = marks;
    printed_ = now;
    if (!waits.empty()) wait_printed_ = now;
    Say(ProgressLine(status));
    for (const std::string& line : waits) Say("  " + line);
  }

  void Say(const std::string& line) override {
    fmt::print(out_, "{}\n", line);
    std::fflush(out_);
  }

  void Note(const std::string& line, bool keep) override {
    if (keep) Say(line);
  }

  void Finish() override {}

 private:
  // What makes a line worth printing at once.
  using Marks = std::tuple<std::string, uint32_t, std::string, uint32_t, double>;

  const Clock& clock_;
  std::FILE* out_;
  Marks marks_;
  std::optional<Millis> printed_;
  std::optional<Millis> wait_printed_;
};

class LivePrinter final : public ProgressPrinter {
 public:
  LivePrinter(std::string job_name, std::FILE* out, size_t (*columns)())
      : job_name_(std::move(job_name)), out_(out), columns_(columns) {}

  void Update(const scheduler::Status& status) override {
    // One column is left free: a line as wide as the terminal would make some of them wrap.
    Draw("", LiveView(status, job_name_, columns_() - 1));
  }

  void Say(const std::string& line) override { Draw(line + "\n", drawn_); }

  void Note(const std::string& line, bool keep) override {
    if (keep) {
      Say(line);
    } else {
      Draw("", {line});
    }
  }

  void Finish() override { drawn_.clear(); }

 private:
  // Takes what is drawn away, prints `above` for good and `lines` below it.
  void Draw(const std::string& above, std::vector<std::string> lines) {
    std::string text = Erase();
    text += above;
    for (const std::string& line : lines) text += line + "\n";
    std::fwrite(text.data(), 1, text.size(), out_);
    std::fflush(out_);
    drawn_ = std::move(lines);
  }

  // Counts the rows at today's width, since a terminal made narrower has wrapped what stood there.
  std::string Erase() const {
    if (drawn_.empty()) return "";
    const size_t width = std::max<size_t>(columns_(), 1);
    size_t rows = 0;
    for (const std::string& line : drawn_) {
      rows += std::max<size_t>(1, (Columns(line) + width - 1) / width);
    }
    return fmt::format("\r\x1b[{}A\x1b[J", rows);
  }

  std::string job_name_;
  std::FILE* out_;
  size_t (*columns_)();
  std::vector<std::string> drawn_;
};

}  // namespace

std::unique_ptr<ProgressPrinter> MakePlainPrinter(const Clock& clock, std::FILE* out) {
  return std::make_unique<PlainPrinter>(clock, out);
}

std::unique_ptr<ProgressPrinter> MakeLivePrinter(std::string job_name, std::FILE* out,
                                                 size_t (*columns)()) {
  return std::make_unique<LivePrinter>(std::move(job_name), out, columns);
}

std::unique_ptr<ProgressPrinter> MakeProgressPrinter(std::string job_name, const Clock& clock) {
  if (isatty(STDOUT_FILENO) == 1) {
    return MakeLivePrinter(std::move(job_name), stdout, TerminalColumns);
  }
  return MakePlainPrinter(clock, stdout);
}

}  // namespace caravan::launch
