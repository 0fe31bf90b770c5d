// A checkpoint's numbers as people and as programs read them.
#ifndef CARAVAN_LAUNCH_CHECKPOINT_CHECKPOINT_TEXT_H_
#define CARAVAN_LAUNCH_CHECKPOINT_CHECKPOINT_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "conf/run_spec.pb.h"
#include "ps/checkpoint_summary.h"

namespace caravan::launch {

// True for a folder with a MANIFEST.
bool IsCheckpoint(const std::string& path);

// `run`: the run that the checkpoint lies in, for its tables' and tensors' names; null where it is
// not there.
std::string CheckpointText(const std::string& path, const ps::CheckpointSummary& summary,
                           const conf::RunSpec* run);
nlohmann::ordered_json CheckpointJson(const ps::CheckpointSummary& summary,
                                      const conf::RunSpec* run);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_CHECKPOINT_CHECKPOINT_TEXT_H_
