#include "data/world/world_oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include "base/file.h"
#include "base/status_macros.h"
#include "conf/field_locations.h"
#include "conf/job_checks.h"
#include "conf/text_parser.h"
#include "data/world/world_file.h"
#include "data/world/world_writer.h"

namespace caravan::data {
namespace {

// Index of the message called `name`, by name() or id(); nothing where there is none.
template <typename Messages, typename Name>
std::optional<uint32_t> Find(const Messages& messages, const std::string& wanted, Name name) {
  const auto found = std::ranges::find(messages, wanted, name);
  if (found == messages.end()) return std::nullopt;
  return static_cast<uint32_t>(found - messages.begin());
}

}  // namespace

absl::StatusOr<std::optional<WorldOracle>> WorldOracle::Open(const conf::Data& data,
                                                             const conf::Schema& schema) {
  const std::filesystem::path folder(data.directory());
  const std::string path = (folder / kRecordFile).string();
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::optional<WorldOracle>();
  CARAVAN_ASSIGN_OR_RETURN(const std::string text, conf::ReadText(path, "world's record"));
  conf::WorldRecord record;
  conf::FieldLocations locations(path);
  CARAVAN_RETURN_IF_ERROR(conf::ParseText(text, path, record, locations));
  CARAVAN_RETURN_IF_ERROR(conf::CheckRanges(record, locations));
  CARAVAN_RETURN_IF_ERROR(CheckWorld(record.world(), conf::FieldLocations(path)));
  CARAVAN_ASSIGN_OR_RETURN(const FileDigest digest,
                           DigestFile((folder / data.daily_file()).string()));
  if (digest.bytes != record.daily_bytes() || digest.checksum != record.daily_checksum()) {
    return absl::InvalidArgumentError(
        fmt::format("{} is the record of another daily file than the {} beside it; write the world "
                    "anew, or take the record away if the table is meant to be another",
                    path, data.daily_file()));
  }
  WorldOracle oracle(World(record.world(), record.seed(), record.scale()));
  oracle.horizon_days_ = static_cast<int32_t>(schema.horizon_days());
  CARAVAN_RETURN_IF_ERROR(oracle.FindLabels(data, schema));
  CARAVAN_RETURN_IF_ERROR(oracle.FindScenarios(schema));
  return std::optional<WorldOracle>(std::move(oracle));
}

WorldOracle::WorldOracle(World world)
    : world_(std::move(world)), rates_(size_t{world_.scenarios()} * world_.columns()) {}

absl::Status WorldOracle::FindLabels(const conf::Data& data, const conf::Schema& schema) {
  const conf::World& world = world_.description();
  for (const conf::TaskSchema& of_schema : schema.tasks()) {
    const auto task = Find(data.tasks(), of_schema.name(), &conf::Task::name);
    if (!task.has_value()) {
      return absl::InvalidArgumentError(
          fmt::format("data.tasks has no task {}, which the imported data has", of_schema.name()));
    }
    const conf::Task& wanted = data.tasks(static_cast<int>(*task));
    const std::string& name = wanted.column().empty() ? wanted.name() : wanted.column();
    std::optional<uint32_t> column = Find(world.measures(), name, &conf::Measure::name);
    if (!column.has_value()) {
      column = Find(world.behaviours(), name, &conf::Behaviour::name);
      if (column.has_value()) *column += world_.measures();
    }
    if (!column.has_value()) {
      return absl::InvalidArgumentError(
          fmt::format("task {} is of column {}, which the world in {} does not have", wanted.name(),
                      name, data.directory()));
    }
    labels_.push_back({.column = *column, .aggregate = wanted.aggregate()});
  }
  ahead_.resize(size_t{world_.columns()} * static_cast<size_t>(horizon_days_));
  return absl::OkStatus();
}

absl::Status WorldOracle::FindScenarios(const conf::Schema& schema) {
  for (const std::string& id : schema.scenarios()) {
    const auto scenario = Find(world_.description().scenarios(), id, &conf::WorldScenario::id);
    if (!scenario.has_value()) {
      return absl::InvalidArgumentError(
          fmt::format("scenario {} is none of the world that its tables are of", id));
    }
    scenarios_.push_back(*scenario);
  }
  return absl::OkStatus();
}

absl::Status WorldOracle::Laws(std::string_view entity, uint32_t scenario, int32_t anchor,
                               std::span<LabelLaw> laws) {
  const std::optional<uint64_t> index = world_.EntityIndex(entity);
  if (!index.has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("entity {} is none of the world that its table is of", entity));
  }
  const Advertiser advertiser = world_.AdvertiserAt(*index);
  const size_t columns = world_.columns();
  const auto horizon = static_cast<size_t>(horizon_days_);
  for (size_t day = 0; day < horizon; ++day) {
    const int32_t ahead = anchor - world_.first_day() + 1 + static_cast<int32_t>(day);
    world_.Rates(advertiser, ahead, rates_);
    for (size_t column = 0; column < columns; ++column) {
      ahead_[column * horizon + day] = rates_[scenarios_[scenario] * columns + column];
    }
  }
  for (size_t task = 0; task < labels_.size(); ++task) {
    laws[task] = LawOf(labels_[task].aggregate,
                       std::span(ahead_).subspan(labels_[task].column * horizon, horizon));
  }
  return absl::OkStatus();
}

}  // namespace caravan::data
