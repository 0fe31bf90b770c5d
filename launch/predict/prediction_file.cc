#include "launch/predict/prediction_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/status_macros.h"
#include "data/calendar.h"

namespace caravan::launch {
namespace {

std::string TemporaryName(const std::string& path) { return path + ".part"; }

absl::Status SystemError(const std::string& path, std::string_view what) {
  return absl::ErrnoToStatus(errno, fmt::format("{}: cannot be {}", path, what));
}

}  // namespace

std::string CsvField(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

absl::StatusOr<std::unique_ptr<PredictionFile>> PredictionFile::Create(const std::string& path,
                                                                       const conf::Schema& schema) {
  std::FILE* const file = std::fopen(TemporaryName(path).c_str(), "wb");
  if (file == nullptr) return SystemError(path, "written");
  return std::unique_ptr<PredictionFile>(new PredictionFile(path, file, schema));
}

PredictionFile::PredictionFile(std::string path, std::FILE* file, const conf::Schema& schema)
    : path_(std::move(path)), file_(file), schema_(schema) {
  text_ = "entity,scenario,date,task,prediction\n";
}

PredictionFile::~PredictionFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::remove(TemporaryName(path_).c_str());
}

absl::Status PredictionFile::Write(const data::Batch& batch, const data::SampleReader& reader,
                                   std::span<const float> predictions) {
  const int tasks = schema_.tasks_size();
  for (uint32_t b = 0; b < batch.size; ++b) {
    const std::string sample =
        fmt::format("{},{},{}", CsvField(reader.EntityName(batch.entities[b])),
                    CsvField(schema_.scenarios(static_cast<int>(batch.scenarios[b]))),
                    data::FormatDate(batch.anchor_days[b]));
    for (int task = 0; task < tasks; ++task) {
      fmt::format_to(std::back_inserter(text_), "{},{},{:.9g}\n", sample,
                     CsvField(schema_.tasks(task).name()),
                     predictions[static_cast<size_t>(b) * tasks + task]);
      ++lines_;
    }
  }
  if (std::fwrite(text_.data(), 1, text_.size(), file_) != text_.size()) {
    return SystemError(path_, "written");
  }
  text_.clear();
  return absl::OkStatus();
}

absl::Status PredictionFile::Finish() {
  const bool written = std::fwrite(text_.data(), 1, text_.size(), file_) == text_.size();
  const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
  if (!written || !closed) {
    const absl::Status status = SystemError(path_, "written");
    std::remove(TemporaryName(path_).c_str());
    return status;
  }
  if (std::rename(TemporaryName(path_).c_str(), path_.c_str()) != 0) {
    return SystemError(path_, "put in place");
  }
  return absl::OkStatus();
}

}  // namespace caravan::launch
