// The real data sets give exactly the samples that their own descriptions state.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "conf/job_loader.h"
#include "data/import.h"
#include "data/schema_file.h"
#include "tests/data/temporary_folder.h"

namespace caravan::data {
namespace {

std::vector<uint64_t> SplitSamples(const conf::Schema& schema) {
  std::vector<uint64_t> samples;
  for (const conf::SplitSchema& split : schema.splits()) {
    samples.push_back(std::accumulate(split.scenario_samples().begin(),
                                      split.scenario_samples().end(), uint64_t{0}));
    uint64_t in_files = 0;
    for (const conf::SplitFile& file : split.files()) in_files += file.samples();
    EXPECT_EQ(in_files, samples.back()) << split.name();
  }
  return samples;
}

// `folder`: where the raw tables lie, or empty where the job says it.
void ExpectSamples(const std::string& job_path, const std::string& folder,
                   const std::vector<uint64_t>& expected) {
  absl::StatusOr<conf::Job> job = conf::LoadJob(job_path, {});
  ASSERT_TRUE(job.ok()) << job.status();
  if (!folder.empty()) job->mutable_data()->set_directory(folder);
  const TemporaryFolder out;
  const absl::StatusOr<ImportReport> report = Import(*job, out.path(), nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(SplitSamples(report->schema), expected);
  const absl::StatusOr<conf::Schema> loaded = LoadSchema(out.path());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->SerializeAsString(), report->schema.SerializeAsString());
}

// The folder of development data, or nothing where this machine has none.
std::string SharedFolder(const std::string& name) {
  const char* variable = std::getenv("CARAVAN_SHARED");
  const std::string shared = variable == nullptr ? "../shared" : variable;
  std::string folder = shared + "/data/" + name;
  return std::filesystem::exists(folder) ? folder : "";
}

TEST(DataSetsTest, UsFlights) {
  ExpectSamples("conf/us_flights/job.txtpb", "", {52685, 6402, 6486});
}

TEST(DataSetsTest, PaperSizesKeepTheSamples) {
  ExpectSamples("conf/paper.txtpb", "", {52685, 6402, 6486});
}

struct SharedSet {
  std::string name;
  std::vector<uint64_t> samples;
};

class SharedDataSetsTest : public testing::TestWithParam<SharedSet> {};

TEST_P(SharedDataSetsTest, GivesTheStatedSamples) {
  const std::string folder = SharedFolder(GetParam().name);
  if (folder.empty()) GTEST_SKIP() << "the data set " << GetParam().name << " is not here";
  ExpectSamples("conf/" + GetParam().name + "/job.txtpb", folder, GetParam().samples);
}

INSTANTIATE_TEST_SUITE_P(
    All, SharedDataSetsTest,
    testing::Values(SharedSet{"la_bikeshare", {79313, 13231, 13741}},
                    SharedSet{"online_retail", {98033, 14505, 15840}},
                    SharedSet{"online_retail_products", {416059, 58904, 67163}}),
    [](const testing::TestParamInfo<SharedSet>& set) { return set.param.name; });

}  // namespace
}  // namespace caravan::data
