#include "launch/command_line.h"

#include <fmt/format.h>
#include <gflags/gflags.h>
#include <glog/logging.h>

#include <algorithm>
#include <sstream>

#include "base/status_macros.h"
#include "conf/nearest_name.h"
#include "launch/version.h"

namespace caravan::launch {
namespace {

std::vector<std::string> FlagNames(const Command& command) {
  std::istringstream text{std::string(command.flags)};
  std::vector<std::string> names;
  for (std::string name; text >> name;) names.push_back(name);
  return names;
}

std::string DidYouMean(std::string_view name, std::span<const std::string> known,
                       std::string_view prefix) {
  const std::string nearest = conf::NearestName(name, known);
  return nearest.empty() ? "" : fmt::format(" (did you mean {}{}?)", prefix, nearest);
}

// The command that the first one or two words name; `used` words of it.
absl::StatusOr<const Command*> FindCommand(std::span<const std::string> words,
                                           std::span<const Command* const> commands, size_t& used) {
  const std::string& first = words[0];
  const std::string both = words.size() > 1 ? first + " " + words[1] : first;
  std::vector<std::string> names;
  std::vector<std::string> seconds;
  for (const Command* command : commands) {
    if (command->name == first || command->name == both) {
      used = command->name == first ? 1 : 2;
      return command;
    }
    names.emplace_back(command->name);
    if (command->name.starts_with(first + " ")) seconds.emplace_back(command->name);
  }
  if (!seconds.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" needs a second word: {}", first, fmt::join(seconds, ", ")));
  }
  return absl::InvalidArgumentError(
      fmt::format("there is no command \"{}\"{}; `caravan --help` lists all", first,
                  DidYouMean(first, names, "")));
}

// One word that starts with "-"; takes the next word too where the value is there.
class FlagParser {
 public:
  FlagParser(const Command& command, std::span<const std::string> words)
      : command_(command), words_(words), known_(FlagNames(command)) {}

  absl::Status ParseFlag(size_t& position, ParsedLine& parsed) {
    const std::string& word = words_[position];
    const std::string body = word.substr(word.starts_with("--") ? 2 : 1);
    const size_t equals = body.find('=');
    const std::string name = body.substr(0, equals);
    if (name == "help" || name == "h") {
      parsed.help = true;
      return absl::OkStatus();
    }
    if (IsKnown(name)) {
      std::string value;
      if (equals != std::string::npos) {
        value = body.substr(equals + 1);
      } else if (name != "set" && Info(name).type == "bool") {
        value = "true";
      } else if (position + 1 < words_.size()) {
        value = words_[++position];
      } else {
        return absl::InvalidArgumentError(fmt::format("--{} needs a value", name));
      }
      return Set(name, value, parsed);
    }
    const std::string positive = name.starts_with("no") ? name.substr(2) : "";
    if (equals == std::string::npos && IsKnown(positive) && Info(positive).type == "bool") {
      return Set(positive, "false", parsed);
    }
    return absl::InvalidArgumentError(
        fmt::format("there is no flag --{}{}; `caravan {} --help` lists all", name,
                    DidYouMean(name, known_, "--"), command_.name));
  }

 private:
  bool IsKnown(const std::string& name) const {
    return std::find(known_.begin(), known_.end(), name) != known_.end();
  }

  static gflags::CommandLineFlagInfo Info(const std::string& name) {
    return gflags::GetCommandLineFlagInfoOrDie(name.c_str());
  }

  static absl::Status Set(const std::string& name, const std::string& value, ParsedLine& parsed) {
    if (name == "set") {
      parsed.line.overrides.push_back(value);
      return absl::OkStatus();
    }
    const std::string type = Info(name).type;
    if (gflags::SetCommandLineOption(name.c_str(), value.c_str()).empty()) {
      return absl::InvalidArgumentError(
          fmt::format("--{}={}: a value of type {} is wanted", name, value, type));
    }
    return absl::OkStatus();
  }

  const Command& command_;
  std::span<const std::string> words_;
  std::vector<std::string> known_;
};

std::string FlagHelp(const std::string& name) {
  if (name == "set") {
    return "  --set=PATH.TO.FIELD=VALUE  overrides a field of the job; may be repeated\n";
  }
  const auto info = gflags::GetCommandLineFlagInfoOrDie(name.c_str());
  const std::string value =
      info.type == "string" ? fmt::format("\"{}\"", info.default_value) : info.default_value;
  return fmt::format("  --{:<24} {} (default {})\n", name, info.description, value);
}

}  // namespace

absl::StatusOr<ParsedLine> ParseCommandLine(std::span<const std::string> words,
                                            std::span<const Command* const> commands) {
  ParsedLine parsed;
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    parsed.help = true;
    return parsed;
  }
  if (words[0] == "--version") {
    parsed.version = true;
    return parsed;
  }
  size_t position = 0;
  CARAVAN_ASSIGN_OR_RETURN(parsed.command, FindCommand(words, commands, position));
  FlagParser flags(*parsed.command, words);
  bool flags_ended = false;
  for (; position < words.size(); ++position) {
    const std::string& word = words[position];
    if (!flags_ended && word == "--") {
      flags_ended = true;
    } else if (flags_ended || word.size() < 2 || word[0] != '-') {
      parsed.line.arguments.push_back(word);
    } else {
      CARAVAN_RETURN_IF_ERROR(flags.ParseFlag(position, parsed));
    }
  }
  return parsed;
}

std::string ProgramHelp(std::span<const Command* const> commands) {
  std::string text =
      "caravan trains multi-scenario multi-task models over sharded parameter servers.\n\n"
      "usage: caravan COMMAND [FLAGS]\n\n";
  for (const bool roles : {false, true}) {
    if (roles) text += "\nroles, started by `caravan train`:\n";
    for (const Command* command : commands) {
      if (IsRole(*command) != roles) continue;
      text += fmt::format("  {:<16} {}\n", command->name, command->summary);
    }
  }
  return text + "\n`caravan COMMAND --help` says more of one; `caravan --version` the version.\n";
}

std::string CommandHelp(const Command& command) {
  std::string text =
      fmt::format("{}\n\nusage: caravan {} {}\n\n", command.summary, command.name, command.usage);
  for (const std::string& name : FlagNames(command)) text += FlagHelp(name);
  return text + fmt::format("\nexample:\n  {}\n", command.example);
}

int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kDataLoss:
      return 2;
    default:
      return 1;
  }
}

int RunCommandLine(std::span<const std::string> words, std::span<const Command* const> commands) {
  const absl::StatusOr<ParsedLine> parsed = ParseCommandLine(words, commands);
  if (!parsed.ok()) {
    const std::string message(parsed.status().message());
    fmt::print(stderr, "caravan: {}\n", message);
    return ExitCode(parsed.status());
  }
  if (parsed->version) {
    fmt::print("caravan {}\n", kVersion);
    return 0;
  }
  if (parsed->help) {
    fmt::print("{}",
               parsed->command == nullptr ? ProgramHelp(commands) : CommandHelp(*parsed->command));
    return 0;
  }
  FLAGS_logtostderr = true;
  FLAGS_minloglevel = IsRole(*parsed->command) ? google::GLOG_INFO : google::GLOG_WARNING;
  const absl::Status status = parsed->command->run(parsed->line);
  if (!status.ok()) {
    const std::string message(status.message());
    fmt::print(stderr, "caravan {}: {}\n", parsed->command->name, message);
  }
  return ExitCode(status);
}

}  // namespace caravan::launch
