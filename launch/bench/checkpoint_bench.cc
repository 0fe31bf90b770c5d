#include "launch/bench/checkpoint_bench.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "absl/functional/function_ref.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "net/message.h"

namespace caravan::launch {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr uint64_t kRunId = 1;
// Long enough that no image is written for the log's sake in a round without a checkpoint.
constexpr uint32_t kLogMebibytes = 1024;
constexpr auto kNap = std::chrono::microseconds(100);

double SecondsSince(SteadyClock::time_point start) {
  return Seconds(SteadyClock::now() - start).count();
}

// Pulls and pushes in turn, at fixed times.
class FixedLoad {
 public:
  FixedLoad(BenchLane& lane, double per_s) : lane_(lane), period_s_(1 / per_s) {}

  // Until is_over(), and until what has come is answered.
  absl::StatusOr<WaitFigures> Run(absl::FunctionRef<bool()> is_over) {
    WaitFigures figures;
    const SteadyClock::time_point start = SteadyClock::now();
    uint64_t come = 0;
    while (!is_over() || !due_s_.empty()) {
      const double now_s = SecondsSince(start);
      const double next_s = static_cast<double>(come) * period_s_;
      if (now_s >= next_s && !is_over()) {
        come % 2 == 0 ? lane_.StartPull() : lane_.StartPush();
        due_s_.push_back(next_s);
        ++come;
        continue;
      }
      CARAVAN_ASSIGN_OR_RETURN(const bool is_answered, lane_.TakeAnswer());
      if (!is_answered) {
        absl::SleepFor(absl::FromChrono(kNap));
        continue;
      }
      const double wait_us = (SecondsSince(start) - due_s_.front()) * 1e6;
      due_s_.pop_front();
      (answered_++ % 2 == 0 ? figures.pulls : figures.pushes).Add(wait_us);
    }
    answered_ = 0;
    figures.seconds = SecondsSince(start);
    return figures;
  }

 private:
  BenchLane& lane_;
  const double period_s_;
  std::deque<double> due_s_;  // of what is not answered
  uint64_t answered_ = 0;
};

absl::StatusOr<double> MeasureCapacity(BenchLane& lane, double seconds) {
  uint64_t requests = 0;
  const SteadyClock::time_point start = SteadyClock::now();
  while (SecondsSince(start) < seconds) {
    requests % 2 == 0 ? lane.StartPull() : lane.StartPush();
    while (true) {
      CARAVAN_ASSIGN_OR_RETURN(const bool is_answered, lane.TakeAnswer());
      if (is_answered) break;
      absl::SleepFor(absl::FromChrono(kNap));
    }
    ++requests;
  }
  return static_cast<double>(requests) / SecondsSince(start);
}

// The load while checkpoint `number` is written, which another client asks for.
absl::StatusOr<WaitFigures> RunWithCheckpoint(BenchLane& lane, FixedLoad& load, uint64_t number) {
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<net::RequestClient> client,
                           lane.Connect(1 + number));
  client->SetRun(kRunId, 0);
  const std::string directory = fmt::format("{}/checkpoint-{}", lane.folder(), number);
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(directory));
  net::Header header;
  header.mutable_save_checkpoint()->set_checkpoint(number);
  header.mutable_save_checkpoint()->set_directory(directory);
  const uint64_t ticket = client->Start(0, header, {});
  CARAVAN_ASSIGN_OR_RETURN(WaitFigures figures,
                           load.Run([&] { return client->IsAnswered(ticket); }));
  CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, client->Await(ticket));
  CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
  return figures;
}

void AddTo(WaitFigures& all, const WaitFigures& round) {
  all.seconds += round.seconds;
  all.pulls.Add(round.pulls);
  all.pushes.Add(round.pushes);
}

}  // namespace

absl::StatusOr<CheckpointBenchFigures> MeasureCheckpointWaits(const ServerBenchOptions& options,
                                                              double load, int rounds) {
  CARAVAN_ASSIGN_OR_RETURN(const ScratchFolder folder, ScratchFolder::Create());
  net::Context context;
  BenchLane lane(context, options, folder.path() + "/lane", kLogMebibytes);
  CARAVAN_RETURN_IF_ERROR(lane.Start(options.durability));
  CheckpointBenchFigures figures;
  CARAVAN_ASSIGN_OR_RETURN(figures.capacity_per_s, MeasureCapacity(lane, options.seconds));
  figures.load_per_s = load * figures.capacity_per_s;
  FixedLoad fixed(lane, figures.load_per_s);
  std::vector<double> pulls_added;
  std::vector<double> pushes_added;
  for (int round = 0; round < rounds; ++round) {
    const SteadyClock::time_point start = SteadyClock::now();
    CARAVAN_ASSIGN_OR_RETURN(const WaitFigures quiet,
                             fixed.Run([&] { return SecondsSince(start) >= options.seconds; }));
    CARAVAN_ASSIGN_OR_RETURN(const WaitFigures checkpoint,
                             RunWithCheckpoint(lane, fixed, static_cast<uint64_t>(round) + 1));
    AddTo(figures.quiet, quiet);
    AddTo(figures.checkpoint, checkpoint);
    pulls_added.push_back(checkpoint.pulls.p99_us() - quiet.pulls.p99_us());
    pushes_added.push_back(checkpoint.pushes.p99_us() - quiet.pushes.p99_us());
  }
  figures.pull_added_p99_us = Median(std::move(pulls_added));
  figures.push_added_p99_us = Median(std::move(pushes_added));
  return figures;
}

}  // namespace caravan::launch
