#include "data/locality.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/hash.h"
#include "base/status_macros.h"
#include "data/block_plan.h"
#include "data/sample_reader.h"

namespace caravan::data {
namespace {

uint64_t AttributesOf(const SampleFile& file, uint32_t sample, uint64_t seed) {
  const uint32_t series = file.SeriesOf(sample);
  uint64_t hash = seed;
  for (const auto& ids : file.scenario_ids) {
    hash = CombineHash(hash, ids[file.series_scenario[series]]);
  }
  for (const auto& ids : file.profile_ids)
    hash = CombineHash(hash, ids[file.series_entity[series]]);
  return hash;
}

bool IsAttribute(const conf::Field& field) {
  return field.group() == conf::SCENARIO || field.group() == conf::PROFILE;
}

uint32_t DistinctOf(const conf::Schema& schema, const Batch& batch) {
  absl::flat_hash_set<uint64_t> found;
  for (uint32_t place = 0; place < batch.size; ++place) {
    uint64_t hash = 0;
    for (int field = 0; field < schema.fields_size(); ++field) {
      if (IsAttribute(schema.fields(field))) hash = CombineHash(hash, batch.ids[field][place]);
    }
    found.insert(hash);
  }
  return static_cast<uint32_t>(found.size());
}

}  // namespace

void GroupByAttributes(const SampleFile& file, uint64_t seed, std::vector<uint32_t>& samples) {
  std::vector<std::pair<uint64_t, uint32_t>> keyed;
  keyed.reserve(samples.size());
  for (const uint32_t sample : samples)
    keyed.emplace_back(AttributesOf(file, sample, seed), sample);
  std::ranges::stable_sort(keyed, {}, &std::pair<uint64_t, uint32_t>::first);
  std::ranges::transform(keyed, samples.begin(), &std::pair<uint64_t, uint32_t>::second);
}

absl::StatusOr<DistinctRows> CountDistinctRows(const std::string& directory,
                                               const conf::Schema& schema, const std::string& split,
                                               const conf::BlockPlan& plan) {
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<SampleReader> reader,
                           SampleReader::Open(directory, schema, split));
  const auto wanted = std::ranges::find(schema.splits(), split, &conf::SplitSchema::name);
  const std::vector<BlockExtent> blocks = Blocks(plan, *wanted);
  DistinctRows rows;
  Batch batch;
  uint64_t sum = 0;
  for (uint32_t block = 0; block < blocks.size(); ++block) {
    const auto full = static_cast<uint32_t>(blocks[block].samples / plan.batch_size());
    for (uint32_t number = 0; number < full; ++number) {
      CARAVAN_RETURN_IF_ERROR(
          reader->Read(plan, {.seed = 1, .epoch = 1, .block = block, .batch = number}, batch));
      const uint32_t distinct = DistinctOf(schema, batch);
      rows.least = rows.batches == 0 ? distinct : std::min(rows.least, distinct);
      rows.most = std::max(rows.most, distinct);
      sum += distinct;
      ++rows.batches;
    }
  }
  if (rows.batches > 0) rows.mean = static_cast<double>(sum) / static_cast<double>(rows.batches);
  return rows;
}

}  // namespace caravan::data
