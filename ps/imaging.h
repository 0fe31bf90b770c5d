// A lane's image, written while the lane serves: what rows, dense chunks, marks and ledger are at
// one LSN. Rows and chunks are copied in slices; one that is about to change and was not copied yet
// is copied then, so that the image is exact. What is slow (writing, flushing the cold rows,
// linking) is done beside the lane's thread.
//
// It lets the push log drop what is before it, and is a lane's part of a checkpoint: its files and
// those of the cold store, by hard links.
#ifndef CARAVAN_PS_IMAGING_H_
#define CARAVAN_PS_IMAGING_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/kill_point.h"
#include "base/side_thread.h"
#include "ps/dense_store.h"
#include "ps/lane_state.h"
#include "ps/marks.h"
#include "storage/file_system.h"
#include "storage/image.h"
#include "storage/row_store.h"

namespace caravan::ps {

// Owned and called by one lane thread.
class Imaging {
 public:
  // All outlive it.
  struct Parts {
    storage::FileSystem* file_system = nullptr;
    // Null: their jobs are done in Begin and Work. What the cold store does may take long; behind
    // it in one thread, what the lane copies would pile up until the lane had to wait.
    SideThread* writer = nullptr;
    SideThread* cold = nullptr;
    bool is_synced = false;  // an image that counts survives a loss of power
    KillPoints* kill_points = nullptr;
    storage::RowStore* rows = nullptr;
    DenseStore* dense = nullptr;
    const Marks* marks = nullptr;
  };
  // What a Begin came to.
  struct Result {
    absl::Status status;
    uint64_t lsn = 0;
    bool is_committed = false;  // the lane's folder has the image, whatever became of a checkpoint
    std::string checkpoint;     // of Begin; where that failed the folder is gone
  };

  // `directory`: the lane's folder. `state`: what it holds, identity included; an image without
  // parts is followed by a whole one.
  Imaging(const Parts& parts, std::string directory, uint64_t part_bytes, LaneState state);

  // Begins an image of the state after `lsn`; there is none under way. `checkpoint`: the lane's
  // folder of a checkpoint, to be made and its files linked there; empty: none.
  void Begin(uint64_t lsn, std::string checkpoint);
  bool is_active() const { return writer_ != nullptr; }
  // Whether Work has something to do on this thread.
  bool NeedsSlice() const;
  // About `bytes` of copying. The result, when it is over.
  std::optional<Result> Work(uint64_t bytes);
  // Work until it is over, waiting for what is done beside; it is active.
  Result Complete();

  // How much of it is copied, 0 to 1.
  double progress() const;

  // Before they change.
  void KeepRows(TableId table, std::span<storage::HotRow* const> rows) {
    if (!is_swept()) parts_.rows->KeepForImage(table, rows);
  }
  void KeepChunks();

  const LaneState& state() const { return state_; }

 private:
  enum class Stage { kSweep, kWrite, kCommit };

  bool is_swept() const { return writer_ == nullptr || stage_ != Stage::kSweep; }
  void SaveChunk() { parts_.dense->Save(next_chunk_++, *writer_); }
  void Sweep(uint64_t bytes);
  absl::Status LinkCold() const;
  absl::Status CommitImage();
  absl::Status LinkCheckpoint(const LaneState& state) const;
  void RemoveOldParts(const LaneState& state) const;
  Result End(absl::Status status);

  const Parts parts_;
  const std::string directory_;
  const uint64_t part_bytes_;
  LaneState state_;
  uint32_t next_image_;

  storage::ImageBuffers buffers_;

  // Of the image under way.
  std::unique_ptr<storage::ImageWriter> writer_;  // null: none
  Stage stage_ = Stage::kSweep;
  LaneState next_state_;  // without the image's own parts
  std::string checkpoint_;
  size_t next_chunk_ = 0;
  bool rows_swept_ = false;
  bool is_cold_linked_ = false;
  bool is_committed_ = false;  // the job's while it is under way
  SideJob cold_job_;
  SideJob commit_job_;
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_IMAGING_H_
