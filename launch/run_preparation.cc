#include "launch/run_preparation.h"

#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

#include "base/status_macros.h"
#include "conf/fingerprint.h"
#include "conf/job_defaults.h"
#include "conf/job_loader.h"
#include "data/block_plan.h"
#include "data/import.h"
#include "data/schema_file.h"
#include "launch/report/human_text.h"
#include "launch/version.h"
#include "model/net.h"
#include "net/manifest_file.h"

namespace caravan::launch {
namespace {

// The first field in which the jobs differ, as "training.epochs: 3 -> 5".
std::string FirstDifference(conf::Job before, conf::Job after) {
  conf::FillDefaults(before);
  conf::FillDefaults(after);
  for (conf::Job* job : {&before, &after}) {
    const uint32_t shards = job->cluster().shards();
    job->clear_cluster();
    job->mutable_cluster()->set_shards(shards);
    job->clear_name();
    job->clear_worker();
    job->clear_server();
    job->clear_checkpoint();
    job->mutable_training()->clear_epochs();
    job->mutable_training()->clear_early_stopping();
    job->mutable_data()->clear_directory();
    job->mutable_data()->clear_daily_file();
    job->mutable_data()->clear_entities_file();
    job->mutable_data()->clear_scenarios_file();
  }
  std::string report;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&report);
  if (differencer.Compare(before, after)) return "nothing";
  return report.substr(0, report.find('\n'));
}

// A run may be made longer. Shorter it cannot be: it may have done those epochs already.
absl::Status CheckEpochs(const RunRequest& request, const conf::Training& before,
                         const conf::Training& after) {
  if (after.epochs() < before.epochs()) {
    return absl::InvalidArgumentError(
        fmt::format("training.epochs is {}, but the run was started for {}; at least that many are "
                    "allowed with --resume",
                    after.epochs(), before.epochs()));
  }
  if (after.epochs() > before.epochs()) {
    request.note(fmt::format("the run goes on for {} epochs instead of {}{}", after.epochs(),
                             before.epochs(),
                             after.schedule() == conf::COSINE || after.warmup_fraction() > 0
                                 ? "; the learning rate follows the longer schedule from here on"
                                 : ""),
                 true);
  }
  return absl::OkStatus();
}

// A checkpoint that is damaged is never passed over in silence: what lies between it and the one
// before would be trained again.
absl::Status CheckNewestCheckpoint(const RunDirectory& run) {
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers,
                           net::ListCheckpoints(run.CheckpointsDirectory()));
  if (numbers.empty()) return absl::OkStatus();
  const auto directory = [&run](uint64_t number) {
    return net::CheckpointDirectory(run.CheckpointsDirectory(), number);
  };
  const std::string newest = directory(numbers.back());
  const absl::StatusOr<conf::Manifest> manifest = net::ReadManifest(newest);
  const absl::Status status =
      manifest.ok() ? net::VerifyFiles(newest, *manifest) : manifest.status();
  if (status.ok()) return absl::OkStatus();
  const std::string rest = numbers.size() == 1
                               ? "to begin anew: there is none before it"
                               : fmt::format("to go on from {}", directory(*(numbers.end() - 2)));
  return absl::Status(status.code(), fmt::format("{}; move {} away {}",
                                                 std::string(status.message()), newest, rest));
}

absl::StatusOr<conf::Job> ResumedJob(const RunRequest& request, const conf::RunSpec& before) {
  conf::Job job = before.job();
  if (request.job_path.empty()) {
    CARAVAN_RETURN_IF_ERROR(conf::ApplyOverrides(job, request.overrides));
  } else {
    CARAVAN_ASSIGN_OR_RETURN(job, conf::LoadJob(request.job_path, request.overrides));
  }
  if (conf::JobFingerprint(job) != conf::JobFingerprint(before.job())) {
    return absl::InvalidArgumentError(fmt::format(
        "the run cannot go on with another job ({}); leave --job out to use the run's own, "
        "or start a new run",
        FirstDifference(before.job(), job)));
  }
  CARAVAN_RETURN_IF_ERROR(CheckEpochs(request, before.job().training(), job.training()));
  return job;
}

std::string ImportNote(const data::ImportProgress& progress) {
  std::string_view stage = "reading";
  if (progress.stage == data::ImportProgress::Stage::kLearn) stage = "learning buckets";
  if (progress.stage == data::ImportProgress::Stage::kWrite) stage = "writing samples";
  return fmt::format("import: {}, {:.0f} %, {} rows", stage, 100 * progress.fraction,
                     Thousands(static_cast<double>(progress.rows)));
}

absl::StatusOr<conf::Schema> ImportData(const RunRequest& request, const conf::Job& job,
                                        const std::string& directory) {
  CARAVAN_ASSIGN_OR_RETURN(const data::ImportReport report,
                           data::Import(job, directory, [&](const data::ImportProgress& progress) {
                             request.note(ImportNote(progress), false);
                           }));
  std::string samples;
  for (const conf::SplitSchema& split : report.schema.splits()) {
    uint64_t count = 0;
    for (const conf::SplitFile& file : split.files()) count += file.samples();
    samples += fmt::format(", {} {}", Thousands(static_cast<double>(count)), split.name());
  }
  request.note(
      fmt::format("imported {} rows in {}{} samples", Thousands(static_cast<double>(report.rows)),
                  HumanSeconds(report.seconds), samples),
      true);
  return report.schema;
}

// The schema of the run's data, imported where it is not there yet. `directory` becomes absolute.
absl::StatusOr<conf::Schema> FindData(const RunRequest& request, const conf::Job& job,
                                      const RunDirectory& run, std::string& directory) {
  const uint64_t wanted = conf::DataFingerprint(job.data());
  if (!request.data_directory.empty()) {
    CARAVAN_ASSIGN_OR_RETURN(const RunDirectory data, RunDirectory::At(request.data_directory));
    directory = data.path();
    CARAVAN_ASSIGN_OR_RETURN(conf::Schema schema, data::LoadSchema(directory));
    if (schema.data_fingerprint() == wanted) return schema;
    return absl::InvalidArgumentError(
        fmt::format("{} was imported with another data section than this job's; import it again: "
                    "caravan import --job={} --out=DIR",
                    directory, request.job_path.empty() ? "FILE" : request.job_path));
  }
  if (directory.empty()) directory = run.DataDirectory();
  absl::StatusOr<conf::Schema> schema = data::LoadSchema(directory);
  if (schema.ok() && schema->data_fingerprint() == wanted) return schema;
  return ImportData(request, job, directory);
}

absl::Status CheckSame(const conf::RunSpec& before, const conf::RunSpec& spec) {
  if (before.schema().SerializeAsString() != spec.schema().SerializeAsString()) {
    return absl::InvalidArgumentError(
        fmt::format("{} holds other samples than the run was started with; a run goes on with the "
                    "data it began with",
                    spec.data_directory()));
  }
  if (conf::ModelFingerprint(before.model()) != conf::ModelFingerprint(spec.model())) {
    return absl::FailedPreconditionError(
        fmt::format("version {} of the program builds another model of this job than version {}, "
                    "which began the run; go on with that version",
                    kVersion, before.version()));
  }
  return absl::OkStatus();
}

absl::StatusOr<conf::RunSpec> LoadBefore(const RunRequest& request, const RunDirectory& run) {
  if (request.resume) return LoadRunSpec(run);
  if (request.job_path.empty()) return absl::InvalidArgumentError("--job=FILE is needed");
  return conf::RunSpec();
}

}  // namespace

absl::StatusOr<conf::RunSpec> PrepareRun(const RunRequest& request, const RunDirectory& run) {
  CARAVAN_ASSIGN_OR_RETURN(const conf::RunSpec before, LoadBefore(request, run));
  conf::RunSpec spec;
  if (request.resume) {
    CARAVAN_ASSIGN_OR_RETURN(*spec.mutable_job(), ResumedJob(request, before));
  } else {
    CARAVAN_ASSIGN_OR_RETURN(*spec.mutable_job(),
                             conf::LoadJob(request.job_path, request.overrides));
  }
  std::string data_directory = before.data_directory();
  CARAVAN_ASSIGN_OR_RETURN(*spec.mutable_schema(),
                           FindData(request, spec.job(), run, data_directory));
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<model::Graph> net,
                           model::BuildNet(spec.job(), spec.schema()));
  *spec.mutable_model() = model::MakeModelSpec(*net);
  spec.set_version(std::string(kVersion));
  spec.set_data_directory(data_directory);
  spec.set_run_directory(run.path());
  spec.set_stop_after_batches(request.stop_after_batches);
  if (request.resume) {
    CARAVAN_RETURN_IF_ERROR(CheckSame(before, spec));
    CARAVAN_RETURN_IF_ERROR(CheckNewestCheckpoint(run));
    spec.set_run_id(before.run_id());
    *spec.mutable_block_plan() = before.block_plan();
  } else {
    std::random_device random;
    spec.set_run_id((uint64_t{random()} << 32) | random());
    *spec.mutable_block_plan() = data::MakeBlockPlan(spec.job(), spec.schema());
  }
  CARAVAN_RETURN_IF_ERROR(run.CreateFolders());
  CARAVAN_RETURN_IF_ERROR(SaveRunSpec(run, spec));
  return spec;
}

}  // namespace caravan::launch
