// Samples as compare.mjs reads them: what a server would have after discretising, and where it is
// known, what Caravan itself predicts.
//
//   inputs.json    {"samples": n, "history_days": T, "fields": {name: file}, "dense": file,
//                   "expected": file or null}
//   ids_<f>.u32    value ids of field f: [n] or [n, T]
//   dense.f32      [n, D]
//   expected.f32   [n, m], in the order of tasks
//   samples.csv    entity,scenario,date of each sample (where they come from a data set)
#ifndef CARAVAN_TESTS_ONNX_SAMPLE_INPUTS_H_
#define CARAVAN_TESTS_ONNX_SAMPLE_INPUTS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "conf/schema.pb.h"
#include "data/batch.h"

namespace caravan::tests {

// Gathers batches; all of them in memory.
class SampleInputs {
 public:
  explicit SampleInputs(const conf::Schema& schema);

  void Add(const data::Batch& batch);
  void AddExpected(std::span<const float> predictions);
  void AddName(std::string_view line) { names_ += line; }
  absl::Status Write(const std::string& directory) const;

 private:
  const conf::Schema& schema_;
  uint64_t samples_ = 0;
  std::vector<std::vector<uint32_t>> ids_;  // by field
  std::vector<float> dense_;
  std::vector<float> expected_;
  std::string names_;
};

}  // namespace caravan::tests

#endif  // CARAVAN_TESTS_ONNX_SAMPLE_INPUTS_H_
