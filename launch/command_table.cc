#include "launch/commands.h"

namespace caravan::launch {
namespace {

constexpr const Command* kCommands[] = {
    &kImportCommand,
    &kSynthCommand,
    &kInspectCommand,
    &kTrainCommand,
    &kStatusCommand,
    &kEvaluateCommand,
    &kCompareCommand,
    &kPredictCommand,
    &kExportCommand,
    &kCheckpointListCommand,
    &kCheckpointVerifyCommand,
    &kCheckpointPruneCommand,
    &kCheckpointReshardCommand,
    &kBenchModelCommand,
    &kBenchServerCommand,
    &kSchedulerCommand,
    &kServerCommand,
    &kWorkerCommand,
};

}  // namespace

bool IsRole(const Command& command) {
  return command.name == "scheduler" || command.name == "server" || command.name == "worker";
}

std::span<const Command* const> AllCommands() { return kCommands; }

}  // namespace caravan::launch
