#include "launch/stop_signals.h"

#include <signal.h>

namespace caravan::launch {
namespace {

std::atomic<int> g_stop_signals{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may not lock");

void Count(int) { ++g_stop_signals; }

}  // namespace

const std::atomic<int>& CountStopSignals() {
  struct sigaction action {};
  action.sa_handler = Count;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaction(number, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return g_stop_signals;
}

}  // namespace caravan::launch
