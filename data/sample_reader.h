// Reads batches of a split: which samples make batch i of block b of epoch e, and in which order,
// follows from (seed, epoch, block) alone.
#ifndef CARAVAN_DATA_SAMPLE_READER_H_
#define CARAVAN_DATA_SAMPLE_READER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"
#include "conf/schema.pb.h"
#include "data/batch.h"

namespace caravan::data {

// Owned and called by one thread. Holds one sample file's series in memory at a time.
class SampleReader {
 public:
  // Opens a split of an imported folder. NOT_FOUND names a missing file; DATA_LOSS names the file
  // and what of it is damaged.
  static absl::StatusOr<std::unique_ptr<SampleReader>> Open(const std::string& directory,
                                                            const conf::Schema& schema,
                                                            std::string_view split);
  virtual ~SampleReader() = default;

  // Batch `batch` of `block` in `epoch`, by `plan` and `seed`. With epoch 0 and shuffle false
  // (evaluation) samples come in the file's own order. With plan.locality and shuffle the samples
  // of a block are grouped (data/locality.h) before they are cut in batches. Fewer than batch_size
  // samples only at the end of a block. OUT_OF_RANGE when the block has no such batch.
  struct Request {
    uint64_t seed = 0;
    uint32_t epoch = 0;
    uint32_t block = 0;
    uint32_t batch = 0;
    bool shuffle = true;
  };
  virtual absl::Status Read(const conf::BlockPlan& plan, const Request& request, Batch& batch) = 0;

  // The name of an entity of the last batch (Batch.entities); lives till the next Read.
  virtual std::string_view EntityName(uint32_t entity) const = 0;
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_SAMPLE_READER_H_
