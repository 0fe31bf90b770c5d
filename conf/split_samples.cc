#include "conf/split_samples.h"

namespace caravan::conf {

uint64_t SplitSamples(const Schema& schema, std::string_view split) {
  uint64_t samples = 0;
  for (const SplitSchema& one : schema.splits()) {
    if (one.name() != split) continue;
    for (const SplitFile& file : one.files()) samples += file.samples();
  }
  return samples;
}

}  // namespace caravan::conf
