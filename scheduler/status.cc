#include "scheduler/status.h"

#include <google/protobuf/util/json_util.h>

#include "fmt/format.h"

namespace caravan::scheduler {
namespace {

double Seconds(Millis duration) { return static_cast<double>(duration.count()) / 1000; }

std::string Doing(const Coordinator& coordinator, const Member& member) {
  if (member.role == net::SERVER)
    return member.lost ? "lost" : member.ready ? "ready" : "restoring";
  std::string doing;
  for (const uint32_t block : coordinator.queue().HeldBlocks(member.worker_id())) {
    doing += fmt::format("{}block {} of {}, epoch {}", doing.empty() ? "" : "; ", block,
                         coordinator.split(), coordinator.epoch());
  }
  return doing.empty() ? "idle" : doing;
}

void AddMembers(const Coordinator& coordinator, Millis now, Status& status) {
  double resident_bytes = 0;
  for (const auto& [incarnation, member] : coordinator.membership().members()) {
    MemberStatus& out = *status.add_members();
    out.set_role(member.role == net::SERVER ? "server" : "worker");
    out.set_id(member.id);
    out.set_host(member.host);
    out.set_pid(member.pid);
    out.set_seconds_since_heard(Seconds(now - member.heard));
    out.set_resident_bytes(static_cast<double>(member.resident_bytes));
    out.set_doing(Doing(coordinator, member));
    out.set_waiting_for(member.waiting_for);
    out.set_samples(static_cast<double>(member.samples));
    resident_bytes += static_cast<double>(member.resident_bytes);
  }
  status.set_resident_bytes(resident_bytes);
}

void AddTraining(const Coordinator& coordinator, Millis now, Status& status) {
  const ProgressMeter& meter = coordinator.meter();
  const TrainingSums recent = meter.Recent(now);
  status.set_samples(static_cast<double>(meter.total().samples));
  status.set_samples_per_s(meter.SamplesPerSecond(now));
  status.set_loss(recent.loss());
  for (const double sum : recent.task_loss_sums) {
    status.add_task_losses(recent.samples == 0 ? 0 : sum / static_cast<double>(recent.samples));
  }
  status.set_learning_rate_scale(coordinator.learning_rate_scale());
  status.set_staleness_mean(recent.staleness());
  status.set_bytes_pulled(static_cast<double>(meter.total().bytes_pulled));
  status.set_bytes_pushed(static_cast<double>(meter.total().bytes_pushed));
  const double batches_left =
      static_cast<double>(coordinator.batches_total() - coordinator.batches_done());
  const double samples_left = batches_left * coordinator.spec().block_plan().batch_size();
  status.set_eta_seconds(status.samples_per_s() > 0 ? samples_left / status.samples_per_s() : -1);
}

}  // namespace

std::string_view PhaseName(const Coordinator& coordinator) {
  switch (coordinator.phase()) {
    case Coordinator::Phase::kJoining:
      return "joining";
    case Coordinator::Phase::kTraining:
      return "training";
    case Coordinator::Phase::kCheckingLedger:
      return "checking_ledger";
    case Coordinator::Phase::kEvaluating:
      return "evaluating";
    case Coordinator::Phase::kClosing:
      return "checkpointing";
    case Coordinator::Phase::kStopping:
      return "stopping";
    case Coordinator::Phase::kEnded:
      return coordinator.end_status().ok() || absl::IsCancelled(coordinator.end_status())
                 ? "finished"
                 : "failed";
  }
  return "";
}

Status MakeStatus(const Coordinator& coordinator, const StatusContext& context, Millis now) {
  const conf::Job& job = coordinator.spec().job();
  Status status;
  status.set_run_id(fmt::format("{:016x}", coordinator.spec().run_id()));
  status.set_phase(std::string(PhaseName(coordinator)));
  status.set_epoch(coordinator.epoch());
  status.set_epochs(job.training().epochs());
  status.set_split(coordinator.split());
  status.set_blocks_done(coordinator.queue().done());
  status.set_blocks_leased(coordinator.queue().leased());
  status.set_blocks_total(coordinator.queue().total());
  status.set_batches_done(static_cast<double>(coordinator.batches_done()));
  status.set_batches_total(static_cast<double>(coordinator.batches_total()));
  AddTraining(coordinator, now, status);
  status.set_workers_alive(coordinator.membership().Count(net::WORKER));
  status.set_workers_expected(job.cluster().workers());
  status.set_servers_alive(coordinator.membership().Count(net::SERVER));
  status.set_servers_expected(job.cluster().servers());
  status.set_elapsed_seconds(Seconds(coordinator.elapsed()));
  status.set_checkpoint_in_progress(coordinator.checkpoint_in_progress());
  if (context.last_checkpoint) *status.mutable_last_checkpoint() = *context.last_checkpoint;
  if (context.last_ledger) *status.mutable_last_ledger() = *context.last_ledger;
  if (context.last_evaluation) *status.mutable_last_evaluation() = *context.last_evaluation;
  status.set_workers_lost(coordinator.workers_lost());
  status.set_peers_refused(
      static_cast<double>(coordinator.peers_refused() + context.peers_refused));
  status.set_messages_rejected(static_cast<double>(context.messages_rejected));
  status.set_routing_epoch(coordinator.routing_epoch());
  status.set_waiting_for(coordinator.WaitingFor());
  status.set_servers_restarted(coordinator.servers_restarted());
  status.set_scheduler_starts(coordinator.scheduler_starts());
  const bool is_over = coordinator.phase() >= Coordinator::Phase::kStopping;
  status.set_finished(is_over);
  status.set_failed(is_over && !coordinator.end_status().ok() &&
                    !absl::IsCancelled(coordinator.end_status()));
  status.set_message(coordinator.end_message());
  AddMembers(coordinator, now, status);
  return status;
}

EvaluationStatus SummariseEvaluation(const Evaluation& evaluation) {
  EvaluationStatus status;
  status.set_split(evaluation.split);
  status.set_epoch(evaluation.epoch);
  status.set_samples(static_cast<double>(evaluation.samples));
  double nmae = 0;
  double smape = 0;
  int nmae_cells = 0;
  int smape_cells = 0;
  for (const net::CellSums& cell : evaluation.cells) {
    if (cell.samples() == 0) continue;
    smape += cell.smape() / static_cast<double>(cell.samples());
    ++smape_cells;
    if (!(cell.label() > 0)) continue;
    nmae += cell.absolute_error() / cell.label();
    ++nmae_cells;
  }
  status.set_nmae(nmae_cells == 0 ? 0 : nmae / nmae_cells);
  status.set_smape(smape_cells == 0 ? 0 : smape / smape_cells);
  return status;
}

absl::StatusOr<std::string> StatusJson(const Status& status) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto printed = google::protobuf::util::MessageToJsonString(status, &json, options);
  if (!printed.ok()) {
    return absl::InternalError(
        fmt::format("the status cannot be printed as JSON: {}", printed.message().ToString()));
  }
  return json;
}

}  // namespace caravan::scheduler
