// `caravan synth` as users run it, and `caravan compare` on what it writes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "launch/child_process.h"

namespace caravan::launch {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience{120};

class SynthProcessTest : public ::testing::Test {
 protected:
  SynthProcessTest()
      : folder_(fmt::format("{}caravan_synth_{}", ::testing::TempDir(), getpid())),
        world_(folder_ + "/world") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~SynthProcessTest() override { std::filesystem::remove_all(folder_); }

  // The exit code; what it printed is in text_.
  int Run(std::vector<std::string> words) {
    words.insert(words.begin(), CARAVAN_EXECUTABLE);
    const std::string log = folder_ + "/log";
    std::filesystem::remove(log);
    absl::StatusOr<ChildProcess> process = ChildProcess::Start(words, log);
    EXPECT_TRUE(process.ok()) << std::string(process.status().message());
    const auto until = std::chrono::steady_clock::now() + kPatience;
    std::optional<ExitOfProcess> exit;
    while (!exit.has_value() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      exit = process->Poll();
    }
    process->Kill();
    text_ = ReadFile(log).value_or("");
    EXPECT_TRUE(exit.has_value()) << text_;
    return exit.has_value() ? exit->code : -1;
  }

  const std::string folder_;
  const std::string world_;
  std::string text_;
};

TEST_F(SynthProcessTest, SaysWhatItWroteAndWhatIsWrong) {
  EXPECT_EQ(Run({"synth", "--scale=0.00005", "--seed=3", "--out=" + world_}), 0) << text_;
  EXPECT_THAT(text_, HasSubstr("92 advertisers, 2020-09-01 to"));
  EXPECT_THAT(text_, HasSubstr(world_ + "/job.txtpb"));
  EXPECT_EQ(Run({"import", "--job=" + world_ + "/job.txtpb", "--out=" + folder_ + "/data"}), 0)
      << text_;

  EXPECT_EQ(Run({"synth", "--out=" + world_}), 2);
  EXPECT_THAT(text_, HasSubstr(world_ + " is not empty"));
  EXPECT_EQ(Run({"synth", "--scale=0", "--out=" + folder_ + "/other"}), 2);
  EXPECT_THAT(text_, HasSubstr("--scale=0; 1e-09 to 1000 is allowed"));
  EXPECT_EQ(Run({"synth"}), 2);
  EXPECT_THAT(text_, HasSubstr("--out=DIR is needed"));
  EXPECT_EQ(Run({"synth", "--world=nowhere.txtpb", "--out=" + folder_ + "/other"}), 2);
  EXPECT_THAT(text_, HasSubstr("nowhere.txtpb: cannot read this world file"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/other"));
}

TEST_F(SynthProcessTest, CompareShowsTheOracleBesideTheModels) {
  ASSERT_EQ(Run({"synth", "--scale=0.0001", "--out=" + world_}), 0) << text_;
  const std::string out = folder_ + "/compared";
  const std::vector<std::string> compare = {"compare",
                                            "--job=" + world_ + "/job.txtpb",
                                            "--models=shared_bottom",
                                            "--seeds=1",
                                            "--workers=1",
                                            "--servers=1",
                                            "--lanes=1",
                                            "--set=training.epochs=1",
                                            "--set=model.view_width=8",
                                            "--set=model.embedding_width=4",
                                            "--set=model.experts=1",
                                            "--out=" + out};
  ASSERT_EQ(Run(compare), 0) << text_;
  EXPECT_THAT(text_, HasSubstr("no prediction has a lower expected NMAE"));
  const auto json = nlohmann::json::parse(ReadFile(out + "/comparison.json").value());
  const auto& models = json["models"];
  ASSERT_EQ(models.size(), 6U);
  EXPECT_EQ(models[4]["name"], "oracle, true rate");
  EXPECT_EQ(models[5]["name"], "oracle");
  for (size_t i = 0; i < models.size(); ++i) {
    EXPECT_EQ(models[i]["oracle"], i >= 4);
    EXPECT_EQ(models[i]["trained"], i == 0);
    if (i >= 4) continue;
    EXPECT_LT(models[5]["overall"]["nmae"], models[i]["overall"]["nmae"]) << models[i]["name"];
    EXPECT_LT(models[5]["overall"]["smape"], models[i]["overall"]["smape"]) << models[i]["name"];
  }

  EXPECT_EQ(Run(compare), 0) << text_;
  EXPECT_THAT(text_, HasSubstr("done before"));
  const std::string daily = world_ + "/daily.csv.zst";
  ASSERT_TRUE(std::filesystem::exists(daily));
  std::filesystem::last_write_time(daily, std::filesystem::file_time_type::clock::now());
  EXPECT_NE(Run(compare), 0) << "models of two data sets must not stand beside each other";
  EXPECT_THAT(text_, HasSubstr(daily + " was written after it was imported"));
}

}  // namespace
}  // namespace caravan::launch
