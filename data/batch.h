// A batch of samples as the reader gives it: value ids by field, dense features, labels. Plain
// values; reused from batch to batch so that nothing is allocated once sizes have been seen.
#ifndef CARAVAN_DATA_BATCH_H_
#define CARAVAN_DATA_BATCH_H_

#include <cstdint>
#include <vector>

namespace caravan::data {

struct Batch {
  uint32_t size = 0;  // B, samples
  // By field (Schema.fields order): value ids, [B] for scenario and profile fields, [B, T]
  // row-major for behaviour and performance, oldest day first, the anchor day last.
  std::vector<std::vector<uint32_t>> ids;
  std::vector<float> dense;          // [B, number of Schema.dense_names], standardised
  std::vector<float> labels;         // [B, number of tasks]
  std::vector<uint32_t> scenarios;   // [B], index into Schema.scenarios
  std::vector<uint32_t> entities;    // [B], index into the sample file's list of entities
  std::vector<int32_t> anchor_days;  // [B], days since 1970-01-01
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_BATCH_H_
