#include "launch/run_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

namespace caravan::launch {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class RunDirectoryTest : public ::testing::Test {
 protected:
  RunDirectoryTest()
      : path_(::testing::TempDir() + "run_directory_" + std::to_string(getpid())),
        run_(*RunDirectory::At(path_)) {
    fs::remove_all(path_);
  }
  ~RunDirectoryTest() override { fs::remove_all(path_); }

  static conf::RunSpec SmallSpec() {
    conf::RunSpec spec;
    spec.set_run_id(7);
    spec.mutable_job()->set_name("small");
    spec.mutable_schema();
    spec.mutable_model();
    return spec;
  }

  std::string path_;
  RunDirectory run_;
};

TEST_F(RunDirectoryTest, PathsAreAbsolute) {
  EXPECT_EQ(RunDirectory::At("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RunDirectory::At("runs/a/")->path(), fs::current_path() / "runs/a");
  EXPECT_EQ(RunDirectory::At("/x/../y")->MetricsFile(), "/y/metrics.jsonl");
}

TEST_F(RunDirectoryTest, SpecsAreReadBack) {
  EXPECT_EQ(LoadRunSpec(run_).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(run_.CreateNew().ok());
  ASSERT_TRUE(run_.CreateFolders().ok());
  ASSERT_TRUE(SaveRunSpec(run_, SmallSpec()).ok());
  EXPECT_TRUE(run_.HoldsRun());
  EXPECT_TRUE(fs::is_directory(run_.LogDirectory()));
  EXPECT_EQ(LoadRunSpec(run_)->run_id(), 7u);
  EXPECT_TRUE(fs::exists(run_.JobFile()));
  std::ofstream(run_.RunSpecFile()) << "no spec at all";
  EXPECT_EQ(LoadRunSpec(run_).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(RunDirectoryTest, WhatIsInUseIsNotOverwritten) {
  ASSERT_TRUE(run_.CreateNew().ok());
  fs::create_directories(run_.DataDirectory());
  EXPECT_TRUE(run_.CreateNew().ok()) << "what a failed attempt leaves may be tried again";
  ASSERT_TRUE(SaveRunSpec(run_, SmallSpec()).ok());
  EXPECT_THAT(std::string(run_.CreateNew().message()), HasSubstr("--resume"));
  fs::remove(run_.RunSpecFile());
  fs::remove(run_.JobFile());
  std::ofstream(path_ + "/thesis.txt") << "precious";
  const absl::Status status = run_.CreateNew();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr("thesis.txt"));
}

TEST_F(RunDirectoryTest, OneProcessHoldsTheLock) {
  ASSERT_TRUE(run_.CreateNew().ok());
  {
    const absl::StatusOr<RunLock> lock = RunLock::Take(run_);
    ASSERT_TRUE(lock.ok());
    // flock counts by open file, so a second opening stands for another process.
    EXPECT_EQ(RunLock::Take(run_).status().code(), absl::StatusCode::kAlreadyExists);
  }
  EXPECT_TRUE(RunLock::Take(run_).ok());
}

}  // namespace
}  // namespace caravan::launch
