#include "data/world/world_writer.h"

#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <span>
#include <system_error>

#include "base/file.h"
#include "base/status_macros.h"
#include "data/calendar.h"
#include "data/world/world_file.h"
#include "data/zstd_file.h"

namespace caravan::data {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 18;
constexpr uint64_t kAdvertisersBetweenProgress = 20000;

std::string TextOf(const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(message, &text);
  return text;
}

// One world on its way to a folder.
class WorldWriter {
 public:
  WorldWriter(const World& world, const std::string& directory,
              const std::function<void(const WorldProgress&)>& progress)
      : world_(world), directory_(directory), progress_(progress) {
    report_.members.assign(world.scenarios(), 0);
    report_.scenario_rows.assign(world.scenarios(), 0);
    rates_.resize(size_t{world.scenarios()} * world.columns());
    counts_.resize(world.columns());
  }

  absl::StatusOr<WorldReport> Run() {
    CARAVAN_RETURN_IF_ERROR(MakeEmptyFolder());
    CARAVAN_RETURN_IF_ERROR(WriteEntities());
    CARAVAN_RETURN_IF_ERROR(WriteFileAtomically(Path(kScenariosFile), ScenariosText()));
    CARAVAN_RETURN_IF_ERROR(WriteDaily());
    CARAVAN_RETURN_IF_ERROR(WriteRecord());
    CARAVAN_RETURN_IF_ERROR(WriteFileAtomically(
        Path(kJobFile),
        fmt::format("# proto-file: conf/job.proto\n# proto-message: "
                    "caravan.conf.Job\n# The tables of a synthetic world, seed {}, "
                    "scale {}.\n{}",
                    world_.seed(), world_.scale(), TextOf(WorldJob(world_.description())))));
    return std::move(report_);
  }

 private:
  std::string Path(const char* file) const {
    return (std::filesystem::path(directory_) / file).string();
  }

  absl::Status MakeEmptyFolder() const {
    CARAVAN_RETURN_IF_ERROR(CreateDirectories(directory_));
    std::error_code error;
    const bool empty = std::filesystem::is_empty(directory_, error);
    if (error) {
      return absl::ErrnoToStatus(error.value(), fmt::format("cannot read folder {}", directory_));
    }
    if (empty) return absl::OkStatus();
    return absl::AlreadyExistsError(
        fmt::format("{} is not empty; a world is written to an empty folder", directory_));
  }

  absl::Status WriteEntities() {
    CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<ZstdFile> file,
                             ZstdFile::Create(Path(kEntitiesFile)));
    const conf::World& about = world_.description();
    std::string text = "entity,industry,region,size_band\n";
    for (uint64_t index = 0; index < world_.advertisers(); ++index) {
      const Advertiser advertiser = world_.AdvertiserAt(index);
      fmt::format_to(std::back_inserter(text), "{},{},{},s{}\n", World::EntityName(index),
                     about.industries(static_cast<int>(advertiser.industry)).name(),
                     about.regions(static_cast<int>(advertiser.region)), advertiser.size_band);
      for (uint32_t s = 0; s < world_.scenarios(); ++s) report_.members[s] += advertiser.IsIn(s);
      if (text.size() < kPieceBytes) continue;
      CARAVAN_RETURN_IF_ERROR(file->Append(text));
      text.clear();
    }
    CARAVAN_RETURN_IF_ERROR(file->Append(text));
    return file->Finish();
  }

  std::string ScenariosText() const {
    std::string text = "scenario,name,share,begins_after_days\n";
    for (const conf::WorldScenario& scenario : world_.description().scenarios()) {
      const std::string& name = scenario.name().empty() ? scenario.id() : scenario.name();
      fmt::format_to(std::back_inserter(text), "{},{},{},{}\n", scenario.id(), name,
                     scenario.share(), scenario.begins_after_days());
    }
    return text;
  }

  absl::Status WriteDaily() {
    CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<ZstdFile> file,
                             ZstdFile::Create(Path(kDailyFile)));
    std::string text = "date,entity,scenario";
    for (const conf::Measure& measure : world_.description().measures()) {
      text += "," + measure.name();
    }
    for (const conf::Behaviour& behaviour : world_.description().behaviours()) {
      text += "," + behaviour.name();
    }
    text += "\n";
    for (int32_t day = 0; day < world_.days(); ++day) {
      const std::string date = FormatDate(world_.first_day() + day);
      for (uint64_t index = 0; index < world_.advertisers(); ++index) {
        AddRows(world_.AdvertiserAt(index), day, date, text);
        if (index % kAdvertisersBetweenProgress == 0 && progress_) {
          const double of_day =
              static_cast<double>(index) / static_cast<double>(world_.advertisers());
          progress_({.rows = report_.rows, .fraction = (day + of_day) / world_.days()});
        }
        if (text.size() < kPieceBytes) continue;
        CARAVAN_RETURN_IF_ERROR(file->Append(text));
        text.clear();
      }
    }
    CARAVAN_RETURN_IF_ERROR(file->Append(text));
    if (progress_) progress_({.rows = report_.rows, .fraction = 1});
    return file->Finish();
  }

  // A row for each scenario in which anything happened.
  void AddRows(const Advertiser& advertiser, int32_t day, const std::string& date,
               std::string& text) {
    if (!advertiser.LivesOn(day)) return;
    world_.Rates(advertiser, day, rates_);
    for (uint32_t s = 0; s < world_.scenarios(); ++s) {
      if (!advertiser.IsIn(s)) continue;
      const size_t columns = world_.columns();
      world_.Draw(advertiser, s, day, std::span(rates_).subspan(s * columns, columns), counts_);
      if (std::ranges::all_of(counts_, [](uint64_t count) { return count == 0; })) continue;
      fmt::format_to(std::back_inserter(text), "{},{},{}", date,
                     World::EntityName(advertiser.index),
                     world_.description().scenarios(static_cast<int>(s)).id());
      for (const uint64_t count : counts_) fmt::format_to(std::back_inserter(text), ",{}", count);
      text += '\n';
      ++report_.rows;
      ++report_.scenario_rows[s];
    }
  }

  absl::Status WriteRecord() {
    CARAVAN_ASSIGN_OR_RETURN(const FileDigest digest, DigestFile(Path(kDailyFile)));
    report_.daily_bytes = digest.bytes;
    conf::WorldRecord record;
    *record.mutable_world() = world_.description();
    record.set_seed(world_.seed());
    record.set_scale(world_.scale());
    record.set_rows(report_.rows);
    record.set_daily_bytes(digest.bytes);
    record.set_daily_checksum(digest.checksum);
    return WriteFileAtomically(
        Path(kRecordFile),
        "# proto-file: conf/world.proto\n# proto-message: caravan.conf.WorldRecord\n" +
            TextOf(record));
  }

  const World& world_;
  const std::string& directory_;
  const std::function<void(const WorldProgress&)>& progress_;
  WorldReport report_;
  std::vector<double> rates_;     // of an advertiser's day, [scenarios, columns]
  std::vector<uint64_t> counts_;  // of a row
};

}  // namespace

absl::StatusOr<WorldReport> WriteWorld(const World& world, const std::string& directory,
                                       const std::function<void(const WorldProgress&)>& progress) {
  return WorldWriter(world, directory, progress).Run();
}

}  // namespace caravan::data
