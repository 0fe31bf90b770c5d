#include "worker/pipeline.h"

#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <glog/logging.h>

#include "base/status_macros.h"
#include "worker/compute_stage.h"
#include "worker/heartbeat.h"
#include "worker/membership.h"

namespace caravan::worker {
namespace {

// Batches that go round between the stages: those ahead and the one being computed.
size_t BatchesInPipeline(const conf::Job& job) {
  return job.training().consistency() == conf::SYNC ? 1 : job.worker().batches_ahead() + 1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pipeline>> Pipeline::Create(net::Context& context,
                                                           const Options& options) {
  const auto& shard_lanes = options.routing.shard_lanes();
  CARAVAN_ASSIGN_OR_RETURN(
      LaneMap map, LaneMap::Create(options.run->model(),
                                   std::vector<uint32_t>(shard_lanes.begin(), shard_lanes.end()),
                                   static_cast<uint32_t>(options.routing.lane_endpoints_size())));
  std::unique_ptr<Pipeline> pipeline(new Pipeline(options, std::move(map)));
  CARAVAN_RETURN_IF_ERROR(pipeline->Connect(context, pipeline->fetch_clients_, true));
  CARAVAN_RETURN_IF_ERROR(pipeline->Connect(context, pipeline->compute_clients_, true));
  CARAVAN_RETURN_IF_ERROR(pipeline->Connect(context, pipeline->heartbeat_clients_, false));
  if (!options.turns_directory.empty()) {
    CARAVAN_ASSIGN_OR_RETURN(
        pipeline->turns_,
        TurnGate::Open(options.turns_directory,
                       TurnGate::Slots(options.run->job().worker().turns()), options.incarnation));
  }
  return pipeline;
}

Pipeline::Pipeline(const Options& options, LaneMap map)
    : options_(options),
      map_(std::move(map)),
      queues_{BoundedQueue<std::unique_ptr<PreparedBatch>>(BatchesInPipeline(options.run->job())),
              BoundedQueue<Fetched>(BatchesInPipeline(options.run->job()) + 1)} {
  for (size_t i = 0; i < BatchesInPipeline(options.run->job()); ++i) {
    queues_.free.Push(std::make_unique<PreparedBatch>(options.run->schema()));
  }
}

absl::Status Pipeline::Connect(net::Context& context, Clients& clients, bool with_lanes) {
  const conf::Worker& worker = options_.run->job().worker();
  const net::RequestClient::Options client_options{
      .repeat_after = Millis{worker.request_timeout_ms()},
      .give_up_after = AwayPatience(options_.run->job()),
      .run_id = options_.run->run_id(),
      .sender = options_.incarnation};
  CARAVAN_ASSIGN_OR_RETURN(clients.scheduler, net::RequestClient::Connect(
                                                  context, {options_.scheduler}, client_options));
  clients.scheduler->SetRun(options_.run->run_id(), options_.routing.epoch());
  if (!with_lanes) return absl::OkStatus();
  const auto& endpoints = options_.routing.lane_endpoints();
  CARAVAN_ASSIGN_OR_RETURN(
      clients.lanes,
      net::RequestClient::Connect(
          context, std::vector<std::string>(endpoints.begin(), endpoints.end()), client_options));
  clients.lanes->SetRun(options_.run->run_id(), options_.routing.epoch());
  return absl::OkStatus();
}

absl::Status Pipeline::Run() {
  std::thread heartbeat(&Pipeline::RunHeartbeat, this);
  std::thread fetch(&Pipeline::RunFetchStage, this);
  RunComputeStage();
  fetch.join();
  heartbeat.join();
  MutexLock lock(&mutex_);
  return *cause_;
}

void Pipeline::RunFetchStage() {
  FetchStage stage({.run = options_.run,
                    .map = &map_,
                    .incarnation = options_.incarnation,
                    .scheduler = fetch_clients_.scheduler.get(),
                    .lanes = fetch_clients_.lanes.get(),
                    .interrupt = &interrupt_,
                    .turns = turns_.get(),
                    .queues = &queues_});
  if (const absl::Status status = stage.Run(); !status.ok()) return Leave(status);
  // The run is done, but what was fetched is still to be computed and reported.
  queues_.fetched.Close();
}

void Pipeline::RunComputeStage() {
  ComputeStage stage({.run = options_.run,
                      .map = &map_,
                      .graph = options_.graph,
                      .executor = options_.executor,
                      .incarnation = options_.incarnation,
                      .scheduler = compute_clients_.scheduler.get(),
                      .lanes = compute_clients_.lanes.get(),
                      .interrupt = &interrupt_,
                      .queues = &queues_,
                      .counters = &counters_});
  Leave(stage.Run());
}

void Pipeline::RunHeartbeat() {
  Heartbeat heartbeat({.incarnation = options_.incarnation,
                       .every = Millis{options_.run->job().cluster().heartbeat_ms()},
                       .scheduler = heartbeat_clients_.scheduler.get(),
                       .counters = &counters_,
                       .traffic =
                           [this] {
                             return TrafficTotals{fetch_clients_.lanes->bytes_received(),
                                                  compute_clients_.lanes->bytes_sent()};
                           },
                       .waiting_for = [this] { return WaitingFor(); },
                       .reroute = [this](const net::Routing& routing) { Reroute(routing); },
                       .run_id = options_.run->run_id(),
                       .interrupt = &interrupt_,
                       .stop = options_.stop});
  Leave(heartbeat.Run());
}

void Pipeline::Reroute(const net::Routing& routing) {
  LOG(INFO) << "routing_epoch=" << routing.epoch() << ": a server has come back";
  // Pushes first: no block is begun in an epoch in which its pushes still go the old way.
  for (const Clients* clients : {&compute_clients_, &fetch_clients_}) {
    clients->lanes->Reroute({routing.lane_endpoints().begin(), routing.lane_endpoints().end()},
                            routing.epoch());
  }
}

void Pipeline::Leave(const absl::Status& cause) {
  {
    MutexLock lock(&mutex_);
    if (!cause_.has_value()) cause_ = cause;
  }
  interrupt_.Set();
  queues_.free.Close();
  queues_.fetched.Close();
  for (const Clients* clients : {&fetch_clients_, &compute_clients_, &heartbeat_clients_}) {
    clients->scheduler->Cancel();
    if (clients->lanes != nullptr) clients->lanes->Cancel();
  }
}

std::string Pipeline::WaitingFor() const {
  std::string waiting;
  const auto add = [&waiting](const std::string& text) {
    if (text.empty()) return;
    waiting += waiting.empty() ? text : fmt::format("; {}", text);
  };
  for (const Clients* clients : {&fetch_clients_, &compute_clients_}) {
    add(clients->lanes->Waiting());
    add(clients->scheduler->Waiting());
  }
  if (turns_ != nullptr) add(turns_->Waiting());
  return waiting;
}

}  // namespace caravan::worker
