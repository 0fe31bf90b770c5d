#include "launch/command_line.h"

#include <gflags/gflags.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/version.h"

DEFINE_string(test_place, "here", "a place");
DEFINE_uint32(test_count, 3, "a count");
DEFINE_bool(test_loud, false, "a switch");

namespace caravan::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Status g_result;
CommandLine g_line;

absl::Status Record(const CommandLine& line) {
  g_line = line;
  return g_result;
}

constexpr Command kMove = {.name = "move",
                           .summary = "moves things",
                           .usage = "--test_place=P",
                           .example = "caravan move --test_place=there",
                           .flags = "test_place test_count test_loud set",
                           .run = Record};
constexpr Command kBenchA = {"bench wheel", "", "", "", "", Record};
constexpr Command kBenchB = {"bench axle", "", "", "", "", Record};
constexpr const Command* kCommands[] = {&kMove, &kBenchA, &kBenchB};

absl::StatusOr<ParsedLine> Parse(const std::vector<std::string>& words) {
  return ParseCommandLine(words, kCommands);
}

std::string Error(const std::vector<std::string>& words) {
  const absl::StatusOr<ParsedLine> parsed = Parse(words);
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(parsed.status().message());
}

class CommandLineTest : public ::testing::Test {
 private:
  gflags::FlagSaver saver_;
};

TEST_F(CommandLineTest, SetsFlagsInEveryForm) {
  const auto parsed = Parse({"move", "--test_place=there", "--test_count", "7", "--test_loud", "a",
                             "--set=x.y=1", "--set", "z=2=3", "--", "--b"});
  ASSERT_TRUE(parsed.ok()) << std::string(parsed.status().message());
  EXPECT_EQ(parsed->command, &kMove);
  EXPECT_EQ(FLAGS_test_place, "there");
  EXPECT_EQ(FLAGS_test_count, 7u);
  EXPECT_TRUE(FLAGS_test_loud);
  EXPECT_THAT(parsed->line.arguments, ElementsAre("a", "--b"));
  EXPECT_THAT(parsed->line.overrides, ElementsAre("x.y=1", "z=2=3"));
  ASSERT_TRUE(Parse({"move", "--notest_loud"}).ok());
  EXPECT_FALSE(FLAGS_test_loud);
}

TEST_F(CommandLineTest, FindsCommandsOfTwoWords) {
  EXPECT_EQ(Parse({"bench", "axle"})->command, &kBenchB);
  EXPECT_THAT(Error({"bench"}), HasSubstr("needs a second word: bench wheel, bench axle"));
}

TEST_F(CommandLineTest, NamesWhatIsWrong) {
  EXPECT_THAT(Error({"mvoe"}), HasSubstr("no command \"mvoe\" (did you mean move?)"));
  EXPECT_THAT(Error({"move", "--test_plaice=x"}), HasSubstr("did you mean --test_place?"));
  EXPECT_THAT(Error({"move", "--test_count=many"}), HasSubstr("type uint32"));
  EXPECT_THAT(Error({"move", "--test_count=-1"}), HasSubstr("type uint32"));
  EXPECT_THAT(Error({"move", "--test_place"}), HasSubstr("--test_place needs a value"));
  EXPECT_THAT(Error({"bench", "axle", "--test_count=1"}), HasSubstr("no flag --test_count"));
}

TEST_F(CommandLineTest, HelpSaysWhatThereIs) {
  EXPECT_TRUE(Parse({})->help);
  EXPECT_TRUE(Parse({"--help"})->help);
  EXPECT_TRUE(Parse({"--version"})->version);
  const auto parsed = Parse({"move", "--help"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed->help);
  EXPECT_THAT(ProgramHelp(kCommands), AllOf(HasSubstr("moves things"), HasSubstr("bench axle")));
  EXPECT_THAT(CommandHelp(kMove), AllOf(HasSubstr("--test_count"), HasSubstr("(default 3)"),
                                        HasSubstr("caravan move --test_place=there")));
}

TEST_F(CommandLineTest, ExitCodesTellWhoseFaultItIs) {
  const auto run = [](absl::Status result) {
    g_result = std::move(result);
    const std::vector<std::string> words = {"move", "--set=a=b"};
    return RunCommandLine(words, kCommands);
  };
  EXPECT_EQ(run(absl::OkStatus()), 0);
  EXPECT_THAT(g_line.overrides, ElementsAre("a=b"));
  EXPECT_EQ(run(absl::InvalidArgumentError("x")), 2);
  EXPECT_EQ(run(absl::NotFoundError("x")), 2);
  EXPECT_EQ(run(absl::AlreadyExistsError("x")), 2);
  EXPECT_EQ(run(absl::OutOfRangeError("x")), 2);
  EXPECT_EQ(run(absl::DataLossError("x")), 2);
  EXPECT_EQ(run(absl::InternalError("x")), 1);
  EXPECT_EQ(run(absl::CancelledError("x")), 1);
  const std::vector<std::string> wrong = {"mvoe"};
  EXPECT_EQ(RunCommandLine(wrong, kCommands), 2);
}

}  // namespace
}  // namespace caravan::launch
