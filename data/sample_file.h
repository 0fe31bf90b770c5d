// What a sample file holds: the series of a random draw of entities, each (entity, scenario) once,
// and which of their days are anchors of samples. Windows are cut from it while reading.
// docs/formats/sample_file.md describes it byte by byte.
#ifndef CARAVAN_DATA_SAMPLE_FILE_H_
#define CARAVAN_DATA_SAMPLE_FILE_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/schema.pb.h"
#include "data/sample_file.pb.h"

namespace caravan::data {

// Value ids, in one byte each where the field has no more than 256 values, else in two.
using IdColumn = std::variant<std::vector<uint8_t>, std::vector<uint16_t>>;

// Fields below are those of a schema, by group, in its order.
struct SampleFile {
  std::string split;
  int32_t first_day = 0;  // days since 1970-01-01; days below count from it

  std::string entity_names;                         // one behind the other
  std::vector<uint32_t> entity_name_ends;           // [entities]
  std::vector<std::vector<uint32_t>> profile_ids;   // by profile field, [entities]
  std::vector<std::vector<uint32_t>> scenario_ids;  // by scenario field, [scenarios]

  std::vector<uint32_t> series_entity;      // [series]
  std::vector<uint32_t> series_scenario;    // [series]
  std::vector<uint32_t> series_row_end;     // [series], into rows
  std::vector<uint32_t> series_sample_end;  // [series], into samples

  std::vector<uint16_t> row_day;  // [rows], ascending within a series
  std::vector<IdColumn> row_ids;  // by sequence field (behaviour, performance), [rows]
  // By sequence field, [rows], raw values for dense features; NaN is missing. Empty where the
  // schema has no dense features.
  std::vector<std::vector<float>> row_values;

  std::vector<uint16_t> sample_day;        // [samples], the anchor, ascending within a series
  std::vector<std::vector<float>> labels;  // by task, [samples]

  // The series of a sample.
  uint32_t SeriesOf(uint32_t sample) const {
    const auto end = std::upper_bound(series_sample_end.begin(), series_sample_end.end(), sample);
    return static_cast<uint32_t>(end - series_sample_end.begin());
  }

  std::string_view EntityName(uint32_t entity) const {
    const uint32_t begin = entity == 0 ? 0 : entity_name_ends[entity - 1];
    return std::string_view(entity_names).substr(begin, entity_name_ends[entity] - begin);
  }
};

// An empty file with the columns that `schema` asks for.
SampleFile EmptySampleFile(const conf::Schema& schema, std::string split, int32_t first_day);

// The file's bytes.
absl::StatusOr<std::string> EncodeSampleFile(const SampleFile& file, const conf::Schema& schema);

// The inverse. DATA_LOSS names `path` and what is damaged, or what does not fit `schema`: after it
// no index of the result leads outside of what it indexes, and every value id is the field's.
absl::StatusOr<SampleFile> DecodeSampleFile(const std::string& path, std::string_view content,
                                            const conf::Schema& schema);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_SAMPLE_FILE_H_
