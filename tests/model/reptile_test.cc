#include "model/reptile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "model/net.h"
#include "model/random_input.h"
#include "tests/model/small_world.h"

namespace caravan::model {
namespace {

constexpr uint32_t kBatch = 9;
const std::vector<uint32_t> kScenarios = {0, 1, 0, 0, 2, 1, 0, 1, 0};  // 5, 3 and 1 samples

struct Parameters {
  std::vector<float> dense;
  std::vector<std::vector<float>> rows;
  std::vector<std::span<float>> Spans() { return {rows.begin(), rows.end()}; }
};

class ReptileTest : public ::testing::Test {
 protected:
  ReptileTest() {
    conf::Job job = SmallJob();
    job.mutable_model()->set_view_width(4);
    graph_ = *BuildNet(job, SmallSchema());
    RandomInputOptions options;
    options.batch = kBatch;
    options.rows_per_table = 4;
    input_ = std::make_unique<RandomInput<float>>(*graph_, options);
    executor_ = *Executor::Create(*graph_, kBatch, 1);
  }

  Parameters Zeros() const {
    Parameters zeros{.dense = std::vector<float>(graph_->parameter_elements()), .rows = {}};
    for (const auto& values : input_->rows) zeros.rows.emplace_back(values.size());
    return zeros;
  }

  // The samples alone, with other parameters.
  RandomInput<float> Part(const std::vector<uint32_t>& samples, const Parameters& parameters) {
    RandomInput<float> part = *input_;
    part.batch = static_cast<uint32_t>(samples.size());
    part.dense_parameters = parameters.dense;
    part.rows = parameters.rows;
    const auto pick = [&](auto& values) {
      const size_t width = values.size() / kBatch;
      auto picked = values;
      picked.clear();
      for (const uint32_t sample : samples) {
        const auto first = values.begin() + static_cast<ptrdiff_t>(sample * width);
        picked.insert(picked.end(), first, first + static_cast<ptrdiff_t>(width));
      }
      values = std::move(picked);
    };
    for (auto& indices : part.row_indices) pick(indices);
    pick(part.dense_features);
    pick(part.labels);
    return part;
  }

  // theta - theta_k of the scenario whose steps are on `parts`.
  Parameters Way(const std::vector<std::vector<uint32_t>>& parts, float rate) {
    Parameters at{.dense = input_->dense_parameters, .rows = input_->rows};
    for (const std::vector<uint32_t>& part : parts) {
      Parameters gradient = Zeros();
      const RandomInput<float> input = Part(part, at);
      executor_->ForwardBackward(input.view(), gradient.dense, gradient.Spans());
      for (size_t i = 0; i < at.dense.size(); ++i) at.dense[i] -= rate * gradient.dense[i];
      for (size_t t = 0; t < at.rows.size(); ++t) {
        for (size_t i = 0; i < at.rows[t].size(); ++i) {
          at.rows[t][i] -= rate * gradient.rows[t][i];
        }
      }
    }
    Parameters way{.dense = input_->dense_parameters, .rows = input_->rows};
    for (size_t i = 0; i < way.dense.size(); ++i) way.dense[i] -= at.dense[i];
    for (size_t t = 0; t < way.rows.size(); ++t) {
      for (size_t i = 0; i < way.rows[t].size(); ++i) way.rows[t][i] -= at.rows[t][i];
    }
    return way;
  }

  static void ExpectNear(const std::vector<float>& found, const std::vector<float>& expected,
                         double tolerance) {
    ASSERT_EQ(found.size(), expected.size());
    double scale = 1e-3;
    for (const float value : expected) scale = std::max<double>(scale, std::abs(value));
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_NEAR(found[i], expected[i], tolerance * scale) << i;
    }
  }

  std::unique_ptr<Graph> graph_;
  std::unique_ptr<RandomInput<float>> input_;
  std::unique_ptr<Executor> executor_;
};

TEST_F(ReptileTest, OneStepIsTheBatchsGradient) {
  Parameters expected = Zeros();
  const ExecutorOutput whole =
      executor_->ForwardBackward(input_->view(), expected.dense, expected.Spans());
  const double loss = whole.loss;
  const std::vector<double> task_losses = whole.task_losses;
  Reptile reptile({.steps = 1, .rate = 0.1F}, *graph_, *executor_);
  Parameters found = Zeros();
  const ExecutorOutput output =
      reptile.ForwardBackward(input_->view(), kScenarios, found.dense, found.Spans());
  ExpectNear(found.dense, expected.dense, 2e-5);
  for (size_t t = 0; t < found.rows.size(); ++t) ExpectNear(found.rows[t], expected.rows[t], 2e-5);
  EXPECT_NEAR(output.loss, loss, 1e-5);
  ASSERT_EQ(output.task_losses.size(), task_losses.size());
  for (size_t t = 0; t < task_losses.size(); ++t) {
    EXPECT_NEAR(output.task_losses[t], task_losses[t], 1e-5);
  }
}

// Two steps: 2 and 3 samples of scenario 0, 1 and 2 of scenario 1, the only one of scenario 2.
TEST_F(ReptileTest, IsTheMeanWayOfTheScenarios) {
  constexpr float kRate = 0.05F;
  struct Scenario {
    double samples;
    std::vector<std::vector<uint32_t>> parts;
  };
  const std::vector<Scenario> scenarios = {
      {5, {{0, 2}, {3, 6, 8}}}, {3, {{1}, {5, 7}}}, {1, {{4}}}};
  Parameters expected = Zeros();
  for (const Scenario& scenario : scenarios) {
    const Parameters way = Way(scenario.parts, kRate);
    const double factor =
        scenario.samples / kBatch / (kRate * static_cast<double>(scenario.parts.size()));
    for (size_t i = 0; i < way.dense.size(); ++i) {
      expected.dense[i] += static_cast<float>(factor * way.dense[i]);
    }
    for (size_t t = 0; t < way.rows.size(); ++t) {
      for (size_t i = 0; i < way.rows[t].size(); ++i) {
        expected.rows[t][i] += static_cast<float>(factor * way.rows[t][i]);
      }
    }
  }
  Reptile reptile({.steps = 2, .rate = kRate}, *graph_, *executor_);
  // Twice: what a call leaves behind must not show in the next.
  for (int i = 0; i < 2; ++i) {
    Parameters found = Zeros();
    reptile.ForwardBackward(input_->view(), kScenarios, found.dense, found.Spans());
    // Differences of parameters lose some digits that sums of gradients keep.
    ExpectNear(found.dense, expected.dense, 1e-3);
    for (size_t t = 0; t < found.rows.size(); ++t) {
      ExpectNear(found.rows[t], expected.rows[t], 1e-3);
    }
  }
}

TEST_F(ReptileTest, LearnsABatchByHeart) {
  constexpr float kOuterRate = 2e-3F;
  Reptile reptile({.steps = 3, .rate = 1e-3F}, *graph_, *executor_);
  Parameters gradient = Zeros();
  const double before = executor_->Forward(input_->view()).loss;
  for (int i = 0; i < 600; ++i) {
    reptile.ForwardBackward(input_->view(), kScenarios, gradient.dense, gradient.Spans());
    for (size_t j = 0; j < gradient.dense.size(); ++j) {
      input_->dense_parameters[j] -= kOuterRate * gradient.dense[j];
    }
  }
  const double after = executor_->Forward(input_->view()).loss;
  EXPECT_LT(after, before - 0.1) << before;
}

}  // namespace
}  // namespace caravan::model
