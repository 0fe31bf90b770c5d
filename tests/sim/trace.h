// What happened, line by line, with its simulated time. Kept only where somebody reads it.
#ifndef CARAVAN_TESTS_SIM_TRACE_H_
#define CARAVAN_TESTS_SIM_TRACE_H_

#include <string>

#include <fmt/format.h>

#include "base/clock.h"

namespace caravan::sim {

class Trace {
 public:
  Trace(const Clock* clock, bool keeps) : clock_(clock), keeps_(keeps) {}

  template <typename... Parts>
  void Line(fmt::format_string<Parts...> format, Parts&&... parts) {
    if (!keeps_) return;
    text_ += fmt::format("{:>8} ", clock_->Now().count());
    text_ += fmt::format(format, std::forward<Parts>(parts)...);
    text_ += '\n';
  }
  bool keeps() const { return keeps_; }
  const std::string& text() const { return text_; }

 private:
  const Clock* const clock_;
  const bool keeps_;
  std::string text_;
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_TRACE_H_
