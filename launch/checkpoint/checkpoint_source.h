// A run's parameters at a checkpoint: what evaluate, predict and export work from.
#ifndef CARAVAN_LAUNCH_CHECKPOINT_CHECKPOINT_SOURCE_H_
#define CARAVAN_LAUNCH_CHECKPOINT_CHECKPOINT_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"
#include "launch/run_directory.h"
#include "ps/checkpoint_reader.h"
#include "worker/parameter_source.h"

namespace caravan::launch {

// `which`: "latest", "best" (net::BestCheckpoint) or a checkpoint's number, 0 being the initial
// state. INVALID_ARGUMENT where it is none of them, NOT_FOUND where there is no such checkpoint.
absl::StatusOr<uint64_t> CheckpointNumber(const RunDirectory& directory, const std::string& which);

// NOT_FOUND says which checkpoints there are.
absl::StatusOr<std::unique_ptr<ps::CheckpointReader>> OpenCheckpoint(const RunDirectory& directory,
                                                                     const conf::RunSpec& run,
                                                                     uint64_t number);

// A checkpoint as a source of parameters. Owned and called by one thread.
class CheckpointSource final : public worker::ParameterSource {
 public:
  explicit CheckpointSource(std::unique_ptr<ps::CheckpointReader> reader)
      : reader_(std::move(reader)) {}

  absl::Status Pull(const worker::TableKeys& keys, worker::Parameters& parameters) override;

 private:
  std::unique_ptr<ps::CheckpointReader> reader_;
};

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_CHECKPOINT_CHECKPOINT_SOURCE_H_
