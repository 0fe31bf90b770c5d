#include "model/count.h"

#include <gtest/gtest.h>

#include <set>

#include "model/net.h"
#include "model/random_input.h"
#include "tests/model/small_world.h"

namespace caravan::model {
namespace {

std::unique_ptr<Graph> SharedNet() {
  conf::Job job = SmallJob();
  job.mutable_model()->mutable_meta()->set_scope(conf::SHARED);
  auto graph = BuildNet(job, SmallSchema());
  return graph.ok() ? *std::move(graph) : nullptr;
}

// Counted by hand from the equations: T = 3, widths 4 and 8, F = 3 * 12 + 2, k = 2, m = 3, d = 3,
// s = 3, K = L = 2, attributes 3 * 2.
TEST(CountTest, ForwardFlopsFollowTheEquations) {
  const auto graph = SharedNet();
  ASSERT_NE(graph, nullptr);
  const double encoders = 2 * (3 * 4 * (4.0 * 4) + 2 * 3 * 3 * 4.0)  // behaviour: maps, QK and PV
                          + 2 * (3 * 4 * (8.0 * 8) + 2 * 3 * 3 * 8.0);
  const double experts = 2 * 38.0 * 6;
  const double scenario = 2 * 6.0 * 3;
  const double pairs = 2 * 18 * 3.0 + 2 * 2 * 18.0 + 3 * 2 * 6 * 3.0;  // 6 x 3, 2 rows; 3 biases
  const double meta_attention = pairs + 2 * (36 + 6) * 3.0 + 2 * 6 * 36.0;  // n = 6, 6 rows
  const double mixture = 2 * 6 * (6.0 + 3);
  const double tower = 4 * (2 * (9 + 3) * 3.0 + 2 * 3 * 9.0);  // n = 3, 3 rows
  const double head = 2 * 3 * 3.0;
  const double task_views = 2 * 3 * 2 * 3.0 + 2 * 3 * 18 * 4.0;  // once a batch, as P and p
  const double sample = encoders + experts + scenario + meta_attention + mixture + tower + head;
  EXPECT_DOUBLE_EQ(CountFlops(*graph, 1).forward, sample + task_views);
  EXPECT_DOUBLE_EQ(CountFlops(*graph, 5).forward, 5 * sample + task_views);
  EXPECT_GT(CountFlops(*graph, 1).backward, 1.9 * CountFlops(*graph, 1).forward);
}

TEST(CountTest, ParametersAreThoseOfTheSpec) {
  const auto graph = SharedNet();
  ASSERT_NE(graph, nullptr);
  uint64_t elements = 0;
  const conf::ModelSpec spec = MakeModelSpec(*graph);
  for (const conf::DenseTensor& tensor : spec.tensors()) {
    uint64_t one = 1;
    for (const uint64_t extent : tensor.dimensions()) one *= extent;
    elements += one;
  }
  EXPECT_EQ(CountParameters(*graph), elements);
  EXPECT_EQ(InitialParameters(*graph, 1).size(), elements);
  EXPECT_NE(InitialParameters(*graph, 1), InitialParameters(*graph, 2));
}

TEST(RandomInputTest, DrawsAsManyAttributesAsAsked) {
  const auto graph = SharedNet();
  ASSERT_NE(graph, nullptr);
  RandomInputOptions options;
  options.batch = 64;
  options.rows_per_table = 50;
  options.distinct_attributes = 5;
  const RandomInput<float> input(*graph, options);
  std::set<std::vector<uint32_t>> distinct;
  for (size_t b = 0; b < options.batch; ++b) {
    distinct.insert({input.row_indices[0][b], input.row_indices[1][b], input.row_indices[2][b]});
  }
  EXPECT_EQ(distinct.size(), 5U);
  EXPECT_EQ(input.row_indices[3].size(), 64U * 3);
}

}  // namespace
}  // namespace caravan::model
