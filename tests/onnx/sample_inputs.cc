#include "tests/onnx/sample_inputs.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/status_macros.h"

namespace caravan::tests {
namespace {

template <typename T>
absl::Status WriteValues(const std::string& path, const std::vector<T>& values) {
  return WriteFileAtomically(path, std::string_view(reinterpret_cast<const char*>(values.data()),
                                                    values.size() * sizeof(T)));
}

}  // namespace

SampleInputs::SampleInputs(const conf::Schema& schema)
    : schema_(schema), ids_(static_cast<size_t>(schema.fields_size())) {}

void SampleInputs::Add(const data::Batch& batch) {
  samples_ += batch.size;
  for (size_t f = 0; f < ids_.size(); ++f) {
    ids_[f].insert(ids_[f].end(), batch.ids[f].begin(), batch.ids[f].end());
  }
  dense_.insert(dense_.end(), batch.dense.begin(), batch.dense.end());
}

void SampleInputs::AddExpected(std::span<const float> predictions) {
  expected_.insert(expected_.end(), predictions.begin(), predictions.end());
}

absl::Status SampleInputs::Write(const std::string& directory) const {
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(directory));
  nlohmann::ordered_json index = {{"samples", samples_}, {"history_days", schema_.history_days()}};
  for (size_t f = 0; f < ids_.size(); ++f) {
    const std::string file = fmt::format("ids_{}.u32", f);
    CARAVAN_RETURN_IF_ERROR(WriteValues(fmt::format("{}/{}", directory, file), ids_[f]));
    index["fields"][schema_.fields(static_cast<int>(f)).name()] = file;
  }
  CARAVAN_RETURN_IF_ERROR(WriteValues(directory + "/dense.f32", dense_));
  index["dense"] = "dense.f32";
  if (!expected_.empty()) {
    CARAVAN_RETURN_IF_ERROR(WriteValues(directory + "/expected.f32", expected_));
    index["expected"] = "expected.f32";
  }
  if (!names_.empty()) {
    CARAVAN_RETURN_IF_ERROR(
        WriteFileAtomically(directory + "/samples.csv", "entity,scenario,date\n" + names_));
  }
  return WriteFileAtomically(directory + "/inputs.json", index.dump(1) + "\n");
}

}  // namespace caravan::tests
