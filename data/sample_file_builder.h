// Makes sample files: cuts a split in files by size, and turns series into a file's columns.
#ifndef CARAVAN_DATA_SAMPLE_FILE_BUILDER_H_
#define CARAVAN_DATA_SAMPLE_FILE_BUILDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"
#include "data/attribute_table.h"
#include "data/daily_layout.h"
#include "data/discretiser.h"
#include "data/sample_file.h"
#include "data/sample_rule.h"
#include "data/schema_learner.h"
#include "data/series.h"
#include "data/split.h"

namespace caravan::data {

// A reader's memory for `share`, about. Bytes.
uint64_t SampleFileBytes(const conf::Schema& schema, const SchemaLearner::Share& share);

struct PartRange {
  uint32_t first = 0;
  uint32_t last = 0;  // not included
};
// Which parts make which file: consecutive ones, files of like size. `part_bytes`: by part. Pure.
std::vector<PartRange> PlanFiles(const std::vector<uint64_t>& part_bytes, uint64_t file_bytes);

// Collects the samples of one file. Owned and called by one thread; what is passed by reference
// outlives it.
class SampleFileBuilder {
 public:
  struct Inputs {
    const conf::Schema& schema;
    const DailyLayout& layout;
    const SampleRule& rule;
    const AttributeTable& entities;
    const AttributeTable& scenarios;
  };
  SampleFileBuilder(const Inputs& inputs, const SplitRange& range);

  // Takes what samples of the split need of `series`; series of an entity come one behind the
  // other.
  absl::Status Add(const Series& series);

  const SampleFile& file() const { return file_; }

 private:
  void AddEntity(uint32_t entity);
  void AddScenarios();

  const Inputs inputs_;
  const SplitRange& range_;
  SampleFile file_;
  std::vector<const conf::Field*> profile_fields_;
  std::vector<const conf::Field*> sequence_fields_;
  std::vector<CategoryIds> profile_categories_;  // by profile field; empty where it is numeric
  bool has_entity_ = false;
  uint32_t last_entity_ = 0;
  std::vector<int32_t> anchors_;  // scratch
  std::vector<float> labels_;     // scratch
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_SAMPLE_FILE_BUILDER_H_
