#include "launch/compare/yardsticks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/status_macros.h"
#include "data/dense_features.h"
#include "data/split_visitor.h"

namespace caravan::launch {
namespace {

// Of a numeric field (conf/schema.proto): 0 missing, 1 exactly zero, the rest are buckets.
constexpr uint32_t kFirstBucket = 2;

constexpr uint32_t kBatchSamples = 256;
constexpr double kTotalMin = 1e-4;

const conf::Task* FindTask(const conf::Job& job, const std::string& name) {
  const auto& tasks = job.data().tasks();
  const auto found = std::ranges::find(tasks, name, &conf::Task::name);
  return found == tasks.end() ? nullptr : &*found;
}

}  // namespace

absl::StatusOr<Yardsticks> Yardsticks::Create(const conf::Job& job, const conf::Schema& schema,
                                              const std::string& data_directory) {
  Yardsticks yardsticks;
  yardsticks.history_days_ = schema.history_days();
  yardsticks.horizon_days_ = schema.horizon_days();
  yardsticks.scenarios_ = static_cast<uint32_t>(schema.scenarios_size());
  yardsticks.dense_means_.assign(schema.dense_means().begin(), schema.dense_means().end());
  yardsticks.dense_deviations_.assign(schema.dense_deviations().begin(),
                                      schema.dense_deviations().end());
  const std::vector<uint32_t> windows = data::DenseWindows(job.data());
  if (std::ranges::find(windows, schema.horizon_days()) != windows.end()) {
    yardsticks.windows_.push_back(schema.horizon_days());
    yardsticks.names_.push_back(fmt::format("last {} days again", schema.horizon_days()));
  }
  if (!windows.empty() && windows.back() != schema.horizon_days()) {
    yardsticks.windows_.push_back(windows.back());
    yardsticks.names_.push_back(fmt::format("mean of the last {} days", windows.back()));
  }
  yardsticks.names_.emplace_back("mean of the scenario");
  for (const conf::TaskSchema& task_schema : schema.tasks()) {
    const conf::Task* task = FindTask(job, task_schema.name());
    if (task == nullptr) {
      return absl::InvalidArgumentError(fmt::format(
          "data.tasks has no task {}, which the imported data has", task_schema.name()));
    }
    const std::string& column = task->column().empty() ? task->name() : task->column();
    Series series{.counts_days = task->aggregate() != conf::SUM,
                  .any = task->aggregate() == conf::ANY_NONZERO,
                  .totals = std::vector<int>(yardsticks.windows_.size(), -1)};
    for (const char* group : {"behaviour", "performance"}) {
      const std::string field = fmt::format("{}.{}", group, column);
      for (int i = 0; i < schema.fields_size(); ++i) {
        if (schema.fields(i).name() == field) series.ids = i;
      }
      for (size_t w = 0; w < yardsticks.windows_.size(); ++w) {
        const auto& names = schema.dense_names();
        const auto found = std::ranges::find(
            names, data::DenseName({.field = field, .days = yardsticks.windows_[w]}));
        if (found != names.end()) series.totals[w] = static_cast<int>(found - names.begin());
      }
    }
    yardsticks.series_.push_back(std::move(series));
  }
  CARAVAN_RETURN_IF_ERROR(yardsticks.LearnMeans(schema, data_directory));
  return yardsticks;
}

absl::Status Yardsticks::LearnMeans(const conf::Schema& schema, const std::string& data_directory) {
  const size_t tasks = series_.size();
  means_.assign(tasks * scenarios_, 0);
  std::vector<double> samples(scenarios_, 0);
  CARAVAN_RETURN_IF_ERROR(data::VisitSplit(
      data_directory, schema, "train", kBatchSamples,
      [&](const data::Batch& batch, const data::SampleReader&) {
        for (uint32_t b = 0; b < batch.size; ++b) {
          ++samples[batch.scenarios[b]];
          for (size_t t = 0; t < tasks; ++t) {
            means_[t * scenarios_ + batch.scenarios[b]] += batch.labels[b * tasks + t];
          }
        }
        return absl::OkStatus();
      }));
  for (size_t i = 0; i < means_.size(); ++i) means_[i] /= std::max(samples[i % scenarios_], 1.0);
  return absl::OkStatus();
}

double Yardsticks::Window(uint32_t window, const Series& series, const data::Batch& batch,
                          uint32_t sample) const {
  const uint32_t days = std::min(windows_[window], history_days_);
  const double scale = static_cast<double>(horizon_days_) / days;
  if (series.counts_days) {
    if (series.ids < 0) return 0;
    const uint32_t* last = batch.ids[series.ids].data() + size_t{sample + 1} * history_days_;
    const auto active = static_cast<double>(
        std::count_if(last - days, last, [](uint32_t id) { return id >= kFirstBucket; }));
    return series.any ? static_cast<double>(active > 0) : active * scale;
  }
  const int feature = series.totals[window];
  if (feature < 0) return 0;
  const size_t at = size_t{sample} * dense_means_.size() + feature;
  const double x = double{batch.dense[at]} * dense_deviations_[feature] + dense_means_[feature];
  const double total = std::expm1(x);
  // What is left of a zero after standardising in single precision would count as a full SMAPE.
  return total < kTotalMin ? 0 : total * scale;
}

double Yardsticks::Predict(size_t number, const data::Batch& batch, uint32_t sample,
                           uint32_t task) const {
  if (number < windows_.size()) {
    return Window(static_cast<uint32_t>(number), series_[task], batch, sample);
  }
  return means_[size_t{task} * scenarios_ + batch.scenarios[sample]];
}

}  // namespace caravan::launch
