// Reads a complete checkpoint: what its manifest says, dense parameters, rows, marks.
//
// A checkpoint is a folder checkpoints/NNNNNN of a run:
//   MANIFEST        conf-like Protobuf text with a checksum line, renamed into place last
//   lane-NNN/       a lane's state: RocksDB files, see docs/formats/checkpoint.md
#ifndef CARAVAN_PS_CHECKPOINT_READER_H_
#define CARAVAN_PS_CHECKPOINT_READER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "conf/model_spec.pb.h"
#include "storage/row_store.h"

namespace caravan::ps {

// Owned and called by one thread.
class CheckpointReader {
 public:
  // `directory`: .../checkpoints/NNNNNN. Verifies every file's size and checksum first; DATA_LOSS
  // names the file. `part`: what is read of rows and dense parameters; kAverages of a run with
  // training.weight_averaging.
  static absl::StatusOr<std::unique_ptr<CheckpointReader>> Open(
      const std::string& directory, const conf::ModelSpec& model, uint64_t seed,
      storage::RowPart part = storage::RowPart::kWeights);
  virtual ~CheckpointReader() = default;

  // The flat vector of all dense parameters.
  virtual absl::StatusOr<std::vector<float>> Dense() = 0;
  // Rows of `keys`, [keys, width]; the initial value where a key has no row.
  virtual absl::Status Rows(TableId table, std::span<const uint64_t> keys,
                            std::vector<float>& weights) = 0;
  virtual uint64_t rows() const = 0;
};

// The initial state (no checkpoint yet), by the same rules as the servers'.
std::unique_ptr<CheckpointReader> InitialState(const conf::ModelSpec& model, uint64_t seed);

}  // namespace caravan::ps

#endif  // CARAVAN_PS_CHECKPOINT_READER_H_
