// Any bytes as a sample file, and any numbers as the columns of one whose checksums are right: an
// error, or a file from which every sample can be cut.
#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "data/discretiser.h"
#include "data/sample_file.h"
#include "data/window_cutter.h"

namespace caravan::data {
namespace {

conf::Schema FuzzSchema() {
  conf::Schema schema;
  schema.set_history_days(5);
  schema.add_scenarios("A");
  schema.add_scenarios("B");
  *schema.add_fields() =
      CategoricalField(conf::SCENARIO, "scenario.id", std::vector<std::string>{"A", "B"});
  *schema.add_fields() =
      CategoricalField(conf::PROFILE, "profile.city", std::vector<std::string>{"Oslo"});
  *schema.add_fields() =
      NumericField(conf::PERFORMANCE, "performance.x",
                   std::vector<float>{1, 2, std::numeric_limits<float>::infinity()});
  schema.add_dense_names("performance.x.total_3");
  schema.add_dense_means(0);
  schema.add_dense_deviations(1);
  schema.add_tasks()->set_name("x");
  return schema;
}

// Takes a column off the front of the input: a length, then as many small numbers.
template <typename T>
std::vector<T> Take(std::string_view& bytes) {
  if (bytes.empty()) return {};
  const size_t length =
      std::min<size_t>(static_cast<unsigned char>(bytes[0]) % 16, bytes.size() - 1);
  std::vector<T> column;
  for (size_t i = 1; i <= length; ++i) {
    column.push_back(static_cast<T>(static_cast<unsigned char>(bytes[i])));
  }
  bytes.remove_prefix(length + 1);
  return column;
}

SampleFile TakeFile(const conf::Schema& schema, std::string_view bytes) {
  SampleFile file = EmptySampleFile(schema, "train", 0);
  file.entity_name_ends = Take<uint32_t>(bytes);
  file.entity_names.assign(file.entity_name_ends.empty() ? 0 : file.entity_name_ends.back(), 'x');
  file.profile_ids[0] = Take<uint32_t>(bytes);
  file.scenario_ids[0] = Take<uint32_t>(bytes);
  file.series_entity = Take<uint32_t>(bytes);
  // The writer counts samples by scenario, so it needs scenarios that there are.
  for (size_t i = 0; i < file.series_entity.size(); ++i) {
    file.series_scenario.push_back(file.series_entity[i] % 2);
  }
  file.series_row_end = Take<uint32_t>(bytes);
  file.series_sample_end = Take<uint32_t>(bytes);
  file.series_sample_end.resize(file.series_entity.size());
  file.row_day = Take<uint16_t>(bytes);
  file.row_ids[0] = Take<uint8_t>(bytes);
  file.row_values[0] = Take<float>(bytes);
  file.sample_day = Take<uint16_t>(bytes);
  file.labels[0] = Take<float>(bytes);
  return file;
}

void CutAll(const conf::Schema& schema, const SampleFile& file) {
  WindowCutter cutter = WindowCutter::Create(schema).value();
  Batch batch;
  cutter.Resize(1, batch);
  for (uint32_t sample = 0; sample < file.sample_day.size(); ++sample) {
    cutter.Cut(file, sample, 0, batch);
    if (file.EntityName(batch.entities[0]).size() > file.entity_names.size()) std::abort();
  }
}

void DecodeAndCut(std::string_view bytes) {
  const conf::Schema schema = FuzzSchema();
  absl::StatusOr<SampleFile> raw = DecodeSampleFile("fuzz.samples", bytes, schema);
  if (raw.ok()) CutAll(schema, *raw);
  const absl::StatusOr<std::string> content = EncodeSampleFile(TakeFile(schema, bytes), schema);
  if (!content.ok()) return;
  absl::StatusOr<SampleFile> file = DecodeSampleFile("fuzz.samples", *content, schema);
  if (file.ok()) CutAll(schema, *file);
}

}  // namespace
}  // namespace caravan::data

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caravan::data::DecodeAndCut({reinterpret_cast<const char*>(data), size});
  return 0;
}
