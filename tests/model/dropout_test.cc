#include "model/ops/dropout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "model/graph_runner.h"
#include "model/ops/sequence_embedding.h"
#include "model/random_input.h"
#include "tests/model/small_world.h"

namespace caravan::model {
namespace {

constexpr uint32_t kBatch = 200;

class DropoutTest : public ::testing::Test {
 protected:
  DropoutTest() : graph_(SmallGraph()) {
    input_ = AddSequenceEmbedding(*graph_, "performance", {4, 5, 6});
    dropped_ = AddDropout(*graph_, "dropout", input_, 0.25);
    CloseGraph(*graph_, dropped_);
    RandomInputOptions options;
    options.batch = kBatch;
    random_ = std::make_unique<RandomInput<double>>(*graph_, options);
  }

  // What the op makes of the samples `range` of a batch.
  std::vector<double> Run(uint64_t seed, SampleRange range = {0, kBatch}) {
    GraphRunner<double> runner(*graph_, kBatch);
    GraphInput<double> view = random_->view();
    view.dropout_seed = seed;
    runner.Forward(view, range);
    const std::span<const double> x = runner.Value(input_);
    before_.assign(x.begin(), x.end());
    const std::span<const double> y = runner.Value(dropped_);
    return {y.begin(), y.end()};
  }

  std::unique_ptr<Graph> graph_;
  ValueId input_{};
  ValueId dropped_{};
  std::unique_ptr<RandomInput<double>> random_;
  std::vector<double> before_;
};

TEST_F(DropoutTest, LeavesOutItsShareAndKeepsTheMean) {
  const std::vector<double> after = Run(7);
  size_t dropped = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    ASSERT_NE(before_[i], 0) << i;
    if (after[i] == 0) {
      ++dropped;
    } else {
      EXPECT_DOUBLE_EQ(after[i], before_[i] / 0.75);
    }
  }
  // Five standard deviations of a binomial draw.
  const auto n = static_cast<double>(after.size());
  EXPECT_NEAR(static_cast<double>(dropped) / n, 0.25, 5 * std::sqrt(0.25 * 0.75 / n));
}

TEST_F(DropoutTest, NothingIsLeftOutWithoutASeed) {
  const std::vector<double> after = Run(0);
  EXPECT_EQ(after, before_);
}

TEST_F(DropoutTest, ASeedGivesTheSameWhereverASampleIsComputed) {
  const std::vector<double> whole = Run(7);
  EXPECT_EQ(Run(7), whole);
  EXPECT_NE(Run(8), whole);
  const std::vector<double> part = Run(7, {150, 50});
  const size_t width = whole.size() / kBatch;
  EXPECT_EQ(part,
            std::vector<double>(whole.begin() + static_cast<ptrdiff_t>(150 * width), whole.end()));
}

TEST_F(DropoutTest, SamplesDiffer) {
  const std::vector<double> after = Run(7);
  const size_t width = after.size() / kBatch;
  size_t equal = 0;
  for (size_t i = 0; i < width; ++i) equal += (after[i] == 0) == (after[width + i] == 0);
  EXPECT_LT(equal, width);
}

TEST_F(DropoutTest, NoneIsNoOp) {
  const ValueId same = AddDropout(*graph_, "none", input_, 0);
  EXPECT_EQ(same, input_);
}

}  // namespace
}  // namespace caravan::model
