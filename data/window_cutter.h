// Cuts samples out of a sample file's series: a sample's history as value ids, its totals as dense
// features, its labels.
#ifndef CARAVAN_DATA_WINDOW_CUTTER_H_
#define CARAVAN_DATA_WINDOW_CUTTER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/schema.pb.h"
#include "data/batch.h"
#include "data/dense_features.h"
#include "data/sample_file.h"

namespace caravan::data {

// Owned and called by one thread.
class WindowCutter {
 public:
  // INVALID_ARGUMENT when the schema has a dense feature of no field of its own.
  static absl::StatusOr<WindowCutter> Create(const conf::Schema& schema);

  // Makes room for `size` samples; what the batch held is gone.
  void Resize(uint32_t size, Batch& batch) const;

  // Writes sample `sample` of `file` to place `place` of `batch`. `file` was decoded with the
  // schema.
  void Cut(const SampleFile& file, uint32_t sample, uint32_t place, Batch& batch);

 private:
  struct DenseSource {
    uint32_t sequence;  // index into SampleFile.row_values
    DenseStatistic statistic;
    uint32_t window;  // index into windows_
    float mean;
    float deviation;
  };

  WindowCutter() = default;
  absl::Status AddDense(const conf::Schema& schema, int index,
                        const std::vector<std::string>& sequence_names);
  void CutDense(const SampleFile& file, uint32_t first_row, uint32_t last_row, int32_t anchor,
                float* dense);

  uint32_t history_days_ = 0;
  std::vector<uint32_t> scenario_fields_;  // index into Batch.ids
  std::vector<uint32_t> profile_fields_;
  std::vector<uint32_t> sequence_fields_;
  std::vector<uint32_t> windows_;  // days, each once
  std::vector<DenseSource> dense_;
  std::vector<uint32_t> window_rows_;  // scratch: by window, its first row
  uint32_t tasks_ = 0;
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_WINDOW_CUTTER_H_
