// From argv to a command: finds it, sets its flags, answers --help and --version, and turns what
// the command returns into an exit code.
#ifndef CARAVAN_LAUNCH_COMMAND_LINE_H_
#define CARAVAN_LAUNCH_COMMAND_LINE_H_

#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "launch/commands.h"

namespace caravan::launch {

struct ParsedLine {
  const Command* command = nullptr;  // null: caravan's own help or version was asked for
  bool help = false;
  bool version = false;
  CommandLine line;
};

// `words`: argv without the program's name. Sets the gflags that the words name, --flag=value or
// --flag value, --flag and --noflag for booleans; "--" ends flags. INVALID_ARGUMENT names the word
// that is wrong and what comes closest to it.
absl::StatusOr<ParsedLine> ParseCommandLine(std::span<const std::string> words,
                                            std::span<const Command* const> commands);

// The list of commands.
std::string ProgramHelp(std::span<const Command* const> commands);
// A command's summary, usage, flags with their defaults, and example.
std::string CommandHelp(const Command& command);

// 0 for OK, 2 where the user's input was wrong, 1 otherwise.
int ExitCode(const absl::Status& status);

// All of it: parses, runs, prints an error as one line "caravan NAME: …" to stderr.
int RunCommandLine(std::span<const std::string> words, std::span<const Command* const> commands);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_COMMAND_LINE_H_
