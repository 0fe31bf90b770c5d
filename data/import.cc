#include "data/import.h"

#include <fmt/format.h>
#include <glog/logging.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "base/status_macros.h"
#include "conf/fingerprint.h"
#include "data/attribute_table.h"
#include "data/calendar.h"
#include "data/csv_reader.h"
#include "data/daily_layout.h"
#include "data/daily_reader.h"
#include "data/row_spill.h"
#include "data/sample_file_builder.h"
#include "data/schema_file.h"
#include "data/schema_learner.h"
#include "data/split.h"

namespace caravan::data {
namespace {

constexpr uint64_t kRowsBetweenProgress = 10000;

std::string TablePath(const conf::Data& data, const std::string& file) {
  return (std::filesystem::path(data.directory()) / file).string();
}

// One import, whose stages leave what the next one needs.
class ImportRun {
 public:
  ImportRun(const conf::Job& job, const std::string& out_directory,
            const std::function<void(const ImportProgress&)>& progress, uint64_t sample_file_bytes)
      : data_(job.data()),
        name_(job.name()),
        out_(out_directory),
        progress_(progress),
        sample_file_bytes_(sample_file_bytes) {}

  absl::StatusOr<ImportReport> Run() {
    const auto begin = std::chrono::steady_clock::now();
    CARAVAN_ASSIGN_OR_RETURN(layout_, MakeDailyLayout(data_));
    CARAVAN_RETURN_IF_ERROR(ReadTables());
    CARAVAN_ASSIGN_OR_RETURN(rule_, SampleRule::Make(data_, layout_, scenarios_.keys));
    CARAVAN_RETURN_IF_ERROR(ClearFolder());
    CARAVAN_RETURN_IF_ERROR(ReadDaily());
    CARAVAN_ASSIGN_OR_RETURN(splits_, ResolveSplits(data_, report_.first_day, report_.last_day));
    CARAVAN_RETURN_IF_ERROR(Learn());
    CARAVAN_RETURN_IF_ERROR(WriteSplits());
    spill_.reset();
    CARAVAN_RETURN_IF_ERROR(WriteSchema(report_.schema, out_));
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    report_.seconds = taken.count();
    return std::move(report_);
  }

 private:
  absl::Status ReadTables();
  absl::Status ClearFolder();
  absl::Status ReadDaily();
  absl::Status Learn();
  absl::Status WriteSplits();
  absl::Status WriteSampleFile(const SampleFile& file, const std::string& name,
                               conf::SplitSchema& split);
  void Tell(ImportProgress::Stage stage, double fraction) const {
    if (progress_) progress_({.stage = stage, .rows = report_.rows, .fraction = fraction});
  }

  const conf::Data& data_;
  const std::string& name_;
  const std::string& out_;
  const std::function<void(const ImportProgress&)>& progress_;
  const uint64_t sample_file_bytes_;

  DailyLayout layout_;
  AttributeTable entities_;
  AttributeTable scenarios_;
  std::vector<std::string> scenario_names_;
  std::vector<SplitRange> splits_;
  std::optional<SampleRule> rule_;
  std::unique_ptr<RowSpill> spill_;
  std::vector<std::vector<SchemaLearner::Share>> shares_;  // [parts][splits]
  ImportReport report_;
};

absl::Status ImportRun::ReadTables() {
  const std::vector<std::string> profile(data_.profile_columns().begin(),
                                         data_.profile_columns().end());
  const std::vector<std::string> profile_numbers(data_.profile_numeric_columns().begin(),
                                                 data_.profile_numeric_columns().end());
  if (!data_.entities_file().empty()) {
    CARAVAN_ASSIGN_OR_RETURN(entities_,
                             ReadAttributeTable(TablePath(data_, data_.entities_file()),
                                                data_.entity_column(), profile, profile_numbers));
  } else if (!profile.empty() || !profile_numbers.empty()) {
    return absl::InvalidArgumentError(
        "data.entities_file is empty, but data names profile columns, which would be in it");
  }

  const std::string scenarios_path = TablePath(data_, data_.scenarios_file());
  const std::vector<std::string> texts(data_.scenario_columns().begin(),
                                       data_.scenario_columns().end());
  const std::vector<std::string> numbers(data_.scenario_numeric_columns().begin(),
                                         data_.scenario_numeric_columns().end());
  CARAVAN_ASSIGN_OR_RETURN(
      scenarios_, ReadAttributeTable(scenarios_path, data_.scenario_column(), texts, numbers));
  if (scenarios_.keys.empty()) {
    return absl::InvalidArgumentError(fmt::format("{} has no scenario", scenarios_path));
  }
  // A column "name" is what reports call a scenario.
  scenario_names_ = scenarios_.keys;
  CARAVAN_ASSIGN_OR_RETURN(CsvReader header, CsvReader::Open(scenarios_path));
  if (header.Column("name").ok()) {
    const std::vector<std::string> name = {"name"};
    CARAVAN_ASSIGN_OR_RETURN(AttributeTable names,
                             ReadAttributeTable(scenarios_path, data_.scenario_column(), name, {}));
    scenario_names_ = std::move(names.texts[0]);
  }
  return absl::OkStatus();
}

// An import that lies in the folder is taken away, its schema first.
absl::Status ImportRun::ClearFolder() {
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(out_));
  std::error_code error;
  std::filesystem::remove(SchemaPath(out_), error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), fmt::format("cannot remove {}", SchemaPath(out_)));
  }
  std::vector<std::filesystem::path> old;
  for (const auto& entry : std::filesystem::directory_iterator(out_, error)) {
    if (entry.path().extension() == ".samples") old.push_back(entry.path());
  }
  for (const std::filesystem::path& path : old) {
    if (!error) std::filesystem::remove(path, error);
  }
  if (error) return absl::ErrnoToStatus(error.value(), fmt::format("cannot clear folder {}", out_));
  return absl::OkStatus();
}

absl::Status ImportRun::ReadDaily() {
  CARAVAN_ASSIGN_OR_RETURN(
      spill_, RowSpill::Create(out_ + "/spill", static_cast<uint32_t>(layout_.columns.size())));
  const std::string path = TablePath(data_, data_.daily_file());
  const size_t with_profile = entities_.keys.size();
  CARAVAN_ASSIGN_OR_RETURN(DailyReader reader,
                           DailyReader::Open(path, data_, layout_, entities_, scenarios_));
  DailyRow row;
  while (true) {
    CARAVAN_ASSIGN_OR_RETURN(const bool more, reader.Next(row));
    if (!more) break;
    if (report_.rows == 0) report_.first_day = row.day;
    report_.last_day = row.day;
    CARAVAN_RETURN_IF_ERROR(spill_->Add(row, EntityHash(entities_.keys[row.entity])));
    if (++report_.rows % kRowsBetweenProgress == 0) {
      Tell(ImportProgress::Stage::kRead, reader.Fraction());
    }
  }
  Tell(ImportProgress::Stage::kRead, 1.0);
  CARAVAN_RETURN_IF_ERROR(spill_->Finish());
  if (report_.rows == 0) {
    return absl::InvalidArgumentError(fmt::format("{} has a header and no row", path));
  }
  report_.missing_cells = reader.missing_cells();
  report_.entities = entities_.keys.size();
  if (!data_.entities_file().empty()) {
    report_.without_profile = entities_.keys.size() - with_profile;
    if (report_.without_profile > 0) {
      LOG(WARNING) << report_.without_profile << " entities of " << path << " are not in "
                   << data_.entities_file() << ", the first of them '"
                   << entities_.keys[with_profile] << "'; their profile counts as missing";
    }
  }
  return absl::OkStatus();
}

absl::Status ImportRun::Learn() {
  SchemaLearner learner({.data = data_,
                         .layout = layout_,
                         .rule = *rule_,
                         .entities = entities_,
                         .scenarios = scenarios_,
                         .splits = splits_});
  for (uint32_t part = 0; part < kSpillParts; ++part) {
    CARAVAN_ASSIGN_OR_RETURN(const std::vector<Series> all, spill_->Part(part, entities_.keys));
    std::vector<SchemaLearner::Share> shares(splits_.size());
    for (const Series& series : all) CARAVAN_RETURN_IF_ERROR(learner.Add(series, shares));
    shares_.push_back(std::move(shares));
    Tell(ImportProgress::Stage::kLearn, (part + 1.0) / kSpillParts);
  }
  CARAVAN_ASSIGN_OR_RETURN(report_.schema, learner.Finish());
  report_.schema.set_name(name_);
  report_.schema.set_data_fingerprint(conf::DataFingerprint(data_));
  report_.schema.mutable_scenario_names()->Assign(scenario_names_.begin(), scenario_names_.end());
  return absl::OkStatus();
}

absl::Status ImportRun::WriteSplits() {
  for (size_t split = 0; split < splits_.size(); ++split) {
    std::vector<uint64_t> part_bytes;
    for (const std::vector<SchemaLearner::Share>& shares : shares_) {
      part_bytes.push_back(SampleFileBytes(report_.schema, shares[split]));
    }
    conf::SplitSchema& out = *report_.schema.mutable_splits(static_cast<int>(split));
    for (const PartRange& range : PlanFiles(part_bytes, sample_file_bytes_)) {
      SampleFileBuilder builder({.schema = report_.schema,
                                 .layout = layout_,
                                 .rule = *rule_,
                                 .entities = entities_,
                                 .scenarios = scenarios_},
                                splits_[split]);
      for (uint32_t part = range.first; part < range.last; ++part) {
        if (part_bytes[part] == 0) continue;
        CARAVAN_ASSIGN_OR_RETURN(const std::vector<Series> all, spill_->Part(part, entities_.keys));
        for (const Series& series : all) CARAVAN_RETURN_IF_ERROR(builder.Add(series));
      }
      CARAVAN_RETURN_IF_ERROR(WriteSampleFile(
          builder.file(), fmt::format("{}-{:05}.samples", out.name(), out.files_size()), out));
      Tell(ImportProgress::Stage::kWrite,
           (static_cast<double>(split) + static_cast<double>(range.last) / kSpillParts) /
               static_cast<double>(splits_.size()));
    }
  }
  return absl::OkStatus();
}

absl::Status ImportRun::WriteSampleFile(const SampleFile& file, const std::string& name,
                                        conf::SplitSchema& split) {
  CARAVAN_ASSIGN_OR_RETURN(const std::string content, EncodeSampleFile(file, report_.schema));
  CARAVAN_RETURN_IF_ERROR(WriteFileAtomically(out_ + "/" + name, content));
  conf::SplitFile& out = *split.add_files();
  out.set_file(name);
  out.set_samples(file.sample_day.size());
  out.set_bytes(content.size());
  out.set_checksum(HashBytes(std::string_view(content)));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ImportReport> Import(const conf::Job& job, const std::string& out_directory,
                                    const std::function<void(const ImportProgress&)>& progress,
                                    uint64_t sample_file_bytes) {
  return ImportRun(job, out_directory, progress, sample_file_bytes).Run();
}

}  // namespace caravan::data
