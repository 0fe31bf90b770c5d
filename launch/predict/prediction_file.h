// Predictions as CSV (RFC 4180): entity,scenario,date,task,prediction, a line a sample and task.
#ifndef CARAVAN_LAUNCH_PREDICT_PREDICTION_FILE_H_
#define CARAVAN_LAUNCH_PREDICT_PREDICTION_FILE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/schema.pb.h"
#include "data/batch.h"
#include "data/sample_reader.h"

namespace caravan::launch {

// Written under a temporary name and renamed by Finish, so that a half file is never taken for one.
// Owned and called by one thread.
class PredictionFile {
 public:
  // `schema` outlives it. PERMISSION_DENIED or NOT_FOUND names the path that cannot be written.
  static absl::StatusOr<std::unique_ptr<PredictionFile>> Create(const std::string& path,
                                                                const conf::Schema& schema);
  ~PredictionFile();
  PredictionFile(const PredictionFile&) = delete;
  PredictionFile& operator=(const PredictionFile&) = delete;

  // predictions: [B, tasks], written with 9 digits: read back, they are the same floats.
  absl::Status Write(const data::Batch& batch, const data::SampleReader& reader,
                     std::span<const float> predictions);
  // Nothing can be written any more; the file is in place.
  absl::Status Finish();
  uint64_t lines() const { return lines_; }

 private:
  PredictionFile(std::string path, std::FILE* file, const conf::Schema& schema);

  const std::string path_;
  std::FILE* file_;
  const conf::Schema& schema_;
  std::string text_;
  uint64_t lines_ = 0;
};

// A CSV field, quoted where it has to be.
std::string CsvField(std::string_view text);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_PREDICT_PREDICTION_FILE_H_
