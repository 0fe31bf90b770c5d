#include "worker/worker.h"

#include <memory>
#include <random>
#include <utility>

#include <fmt/format.h>
#include <glog/logging.h>

#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "conf/fingerprint.h"
#include "model/bf16_kernels.h"
#include "model/executor.h"
#include "model/net.h"
#include "net/request_client.h"
#include "worker/membership.h"
#include "worker/pipeline.h"

namespace caravan::worker {
namespace {

constexpr absl::Duration kRejoinPause = absl::Seconds(1);

uint64_t DrawIncarnation() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device() | 1;
}

absl::StatusOr<Membership> JoinRun(net::Context& context, const WorkerOptions& options,
                                   uint64_t incarnation, uint64_t former_incarnation) {
  const net::RequestClient::Options client_options{.repeat_after = Millis{1000},
                                                   .sender = incarnation};
  CARAVAN_ASSIGN_OR_RETURN(
      const std::unique_ptr<net::RequestClient> client,
      net::RequestClient::Connect(context, {options.scheduler}, client_options));
  return Join(*client, options, incarnation, former_incarnation);
}

// The net as this program builds it must be the one whose parameters the servers hold.
absl::StatusOr<std::unique_ptr<model::Graph>> BuildNetOf(const conf::RunSpec& run) {
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<model::Graph> graph,
                           model::BuildNet(run.job(), run.schema()));
  const uint64_t built = conf::ModelFingerprint(model::MakeModelSpec(*graph));
  const uint64_t expected = conf::ModelFingerprint(run.model());
  if (built == expected) return graph;
  return absl::FailedPreconditionError(
      fmt::format("this program builds another '{}' (fingerprint {:016x}) than the run's "
                  "({:016x}): start all roles from one version",
                  run.model().net(), built, expected));
}

absl::Status RunMembership(net::Context& context, const WorkerOptions& options,
                           uint64_t incarnation, uint64_t former_incarnation) {
  CARAVAN_ASSIGN_OR_RETURN(const Membership membership,
                           JoinRun(context, options, incarnation, former_incarnation));
  const conf::RunSpec& run = membership.run;
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<model::Graph> graph, BuildNetOf(run));
  CARAVAN_ASSIGN_OR_RETURN(
      const std::unique_ptr<model::Executor> executor,
      model::Executor::Create(*graph, run.block_plan().batch_size(), run.job().worker().threads(),
                              model::RunnerPurpose::kTrain,
                              model::KernelsFor(run.job().worker().compute())));
  if (run.job().worker().compute() == conf::BF16 && !model::HasBf16Instructions()) {
    LOG(WARNING)
        << "worker.compute is BF16: this processor has no instructions for it (AVX512_BF16), "
           "so its numbers are rounded as there, and nothing is gained";
  }
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<Pipeline> pipeline,
                           Pipeline::Create(context, {.run = &run,
                                                      .routing = membership.routing,
                                                      .incarnation = incarnation,
                                                      .scheduler = options.scheduler,
                                                      .graph = graph.get(),
                                                      .executor = executor.get(),
                                                      .stop = options.stop,
                                                      .turns_directory = options.turns_directory}));
  LOG(INFO) << fmt::format("worker={} joined run={:016x} lanes={} workspace_bytes={}",
                           membership.worker, run.run_id(),
                           membership.routing.lane_endpoints_size(), executor->workspace_bytes());
  const absl::Status status = pipeline->Run();
  LOG(INFO) << fmt::format("worker={} leaves: {}", membership.worker,
                           status.ok() ? "the run is over" : std::string(status.message()));
  return status;
}

}  // namespace

absl::Status RunWorker(const WorkerOptions& options) {
  net::Context context;
  for (uint64_t former_incarnation = 0;;) {
    const uint64_t incarnation = DrawIncarnation();
    const absl::Status status = RunMembership(context, options, incarnation,
                                              std::exchange(former_incarnation, incarnation));
    if (absl::IsCancelled(status)) return absl::OkStatus();
    if (!absl::IsAborted(status)) return status;
    LOG(WARNING) << "joins anew: " << status.message();
    for (int i = 0; i < 10 && !(options.stop != nullptr && *options.stop); ++i) {
      absl::SleepFor(kRejoinPause / 10);
    }
  }
}

}  // namespace caravan::worker
