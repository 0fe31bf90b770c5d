#include "conf/job_loader.h"

#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include <filesystem>

#include "conf/field_locations.h"
#include "conf/job_checks.h"
#include "conf/job_defaults.h"
#include "conf/job_overrides.h"
#include "conf/text_parser.h"

namespace caravan::conf {
namespace {

std::string Absolute(const std::string& base, const std::string& directory) {
  std::error_code error;
  const std::filesystem::path absolute_base =
      std::filesystem::absolute(base.empty() ? "." : base, error);
  std::filesystem::path path = (absolute_base / directory).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return path.string();
}

absl::Status Override(Job& job, std::span<const std::string> overrides, FieldLocations& locations) {
  for (const std::string& text : overrides) {
    const absl::StatusOr<std::string> path = ApplyOverride(job, text);
    if (!path.ok()) return path.status();
    locations.AddOverride(*path, text);
    if (*path == "data.directory" || *path == "data") {
      job.mutable_data()->set_directory(Absolute("", job.data().directory()));
    }
  }
  const absl::Status ranges = CheckRanges(job, locations);
  return ranges.ok() ? CheckConsistency(job, locations) : ranges;
}

}  // namespace

absl::StatusOr<Job> LoadJob(const std::string& path, std::span<const std::string> overrides) {
  const absl::StatusOr<std::string> text = ReadText(path, "job file");
  if (!text.ok()) return text.status();
  Job job;
  FieldLocations locations(path);
  const absl::Status parsed = ParseText(*text, path, job, locations);
  if (!parsed.ok()) return parsed;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  job.mutable_data()->set_directory(Absolute(folder, job.data().directory()));
  const absl::Status status = Override(job, overrides, locations);
  if (!status.ok()) return status;
  return job;
}

absl::Status ApplyOverrides(Job& job, std::span<const std::string> overrides) {
  FieldLocations locations("the run's job");
  Job changed = job;
  const absl::Status status = Override(changed, overrides, locations);
  if (status.ok()) job = std::move(changed);
  return status;
}

std::string JobText(const Job& job) {
  Job full = job;
  FillDefaults(full);
  std::string text;
  google::protobuf::TextFormat::PrintToString(full, &text);
  return text;
}

}  // namespace caravan::conf
