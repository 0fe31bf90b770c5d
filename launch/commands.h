// The commands of `caravan`. Each is one file launch/<name>_command.cc, which holds its own flags
// (DEFINE_…), its function and its Command; its name is declared here and listed in
// command_table.cc, one line each.
#ifndef CARAVAN_LAUNCH_COMMANDS_H_
#define CARAVAN_LAUNCH_COMMANDS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace caravan::launch {

// What is left of the command line once flags are in their FLAGS_ variables.
struct CommandLine {
  std::vector<std::string> arguments;  // words that are no flags, behind the command's name
  std::vector<std::string> overrides;  // values of --set=path.to.field=value, in order
};

// All views are literals. Of a status that `run` returns, INVALID_ARGUMENT, NOT_FOUND,
// ALREADY_EXISTS and OUT_OF_RANGE say that the user's input was wrong, DATA_LOSS that a file of it
// is damaged (exit code 2), any other error that the job failed (1).
struct Command {
  std::string_view name;     // one word, or two: "bench model"
  std::string_view summary;  // one line for the list of commands
  std::string_view usage;    // behind "caravan NAME": "--job=FILE --out=DIR"
  std::string_view example;  // a whole line that can be typed
  std::string_view flags;    // names of the flags it takes, parted by spaces; "set" for --set
  absl::Status (*run)(const CommandLine& line);
};

// A role is started by a launcher, not by a person: it logs to stderr from INFO on and is listed
// apart. Others log from WARNING on.
bool IsRole(const Command& command);

extern const Command kBenchModelCommand;
extern const Command kBenchServerCommand;
extern const Command kCheckpointListCommand;
extern const Command kCheckpointPruneCommand;
extern const Command kCheckpointReshardCommand;
extern const Command kCheckpointVerifyCommand;
extern const Command kCompareCommand;
extern const Command kEvaluateCommand;
extern const Command kExportCommand;
extern const Command kImportCommand;
extern const Command kInspectCommand;
extern const Command kPredictCommand;
extern const Command kSchedulerCommand;
extern const Command kServerCommand;
extern const Command kStatusCommand;
extern const Command kSynthCommand;
extern const Command kTrainCommand;
extern const Command kWorkerCommand;

// All commands, in the order in which help lists them.
std::span<const Command* const> AllCommands();

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_COMMANDS_H_
