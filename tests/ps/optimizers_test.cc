// Each optimizer against its equation written out in double precision.
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "ps/optimizers/optimizer.h"

namespace caravan::ps {
namespace {

constexpr size_t kWidth = 19;  // no multiple of a vector's width
constexpr int kSteps = 50;

struct Parameters {
  std::vector<float> weights;
  std::vector<float> slots;
};

Parameters Start(const Optimizer& optimizer) {
  Parameters parameters;
  RandomStream stream(1);
  for (size_t i = 0; i < kWidth; ++i) parameters.weights.push_back(stream.NextUniform() - 0.5F);
  parameters.slots.resize(kWidth * optimizer.slots_per_weight());
  optimizer.InitialSlots(parameters.weights, parameters.slots);
  return parameters;
}

float ScaleOf(int step) { return step % 3 == 0 ? 0.5F : 1.0F; }

std::vector<float> Gradient(int step) {
  RandomStream stream(2, static_cast<uint64_t>(step));
  std::vector<float> gradient;
  for (size_t i = 0; i < kWidth; ++i) gradient.push_back(stream.NextNormal());
  gradient[4] = 0;
  return gradient;
}

// reference(weight, gradient, step, scale, state): one step of one weight; state starts as zeros.
template <typename Reference>
void ExpectFollows(const conf::Optimizer& config, Reference reference,
                   bool constant_scale = false) {
  const std::unique_ptr<Optimizer> optimizer = MakeOptimizer(config);
  Parameters parameters = Start(*optimizer);
  Parameters again = Start(*optimizer);
  std::vector<double> weights(parameters.weights.begin(), parameters.weights.end());
  std::vector<std::array<double, 3>> states(kWidth);
  for (int step = 1; step <= kSteps; ++step) {
    const std::vector<float> gradient = Gradient(step);
    const float scale = constant_scale ? 1.0F : ScaleOf(step);
    for (Parameters* of : {&parameters, &again}) {
      optimizer->Update(gradient, scale, static_cast<uint32_t>(step), of->weights, of->slots);
    }
    for (size_t i = 0; i < kWidth; ++i) {
      reference(weights[i], double{gradient[i]}, step, double{scale}, states[i]);
      ASSERT_NEAR(parameters.weights[i], weights[i], 2e-5 * (1 + std::fabs(weights[i])))
          << "weight " << i << " step " << step;
    }
  }
  EXPECT_EQ(parameters.weights, again.weights);
  EXPECT_EQ(parameters.slots, again.slots);
}

TEST(AdamTest, FollowsItsEquation) {
  ExpectFollows(conf::Optimizer(), [](double& w, double g, int t, double scale, auto& s) {
    s[0] = 0.9 * s[0] + 0.1 * g;
    s[1] = 0.998 * s[1] + 0.002 * g * g;
    w -= 2e-3 * scale * std::sqrt(1 - std::pow(0.998, t)) / (1 - std::pow(0.9, t)) * s[0] /
         (std::sqrt(s[1]) + 1e-9);
  });
}

TEST(AdamTest, TheFirstStepIsTheRateInTheGradientsDirection) {
  const std::unique_ptr<Optimizer> adam = MakeOptimizer(conf::Optimizer());
  std::vector<float> weights = {1, 1};
  std::vector<float> slots(4);
  adam->Update(std::vector<float>{3, -0.01F}, 1, 1, weights, slots);
  EXPECT_NEAR(weights[0], 1 - 2e-3, 1e-6);
  EXPECT_NEAR(weights[1], 1 + 2e-3, 1e-6);
}

TEST(AdamTest, LateStepsAreNotCorrected) {
  const std::unique_ptr<Optimizer> adam = MakeOptimizer(conf::Optimizer());
  std::vector<float> weights[2] = {{1}, {1}};
  for (int i = 0; i < 2; ++i) {
    std::vector<float> slots = {0.1F, 0.2F};
    adam->Update(std::vector<float>{0.3F}, 1, i == 0 ? 16383 : 4000000, weights[i], slots);
  }
  EXPECT_NEAR(weights[0][0], weights[1][0], 1e-7);
}

TEST(AveragingOptimizerTest, FollowsItsEquationAndLeavesTheWeightsAlone) {
  for (const double eta : {0.0, 1.0, 8.0}) {
    conf::Training training;
    const std::unique_ptr<Optimizer> plain = MakeDenseOptimizer(training);
    training.mutable_weight_averaging()->set_eta(eta);
    const std::unique_ptr<Optimizer> averaging = MakeDenseOptimizer(training);
    ASSERT_EQ(averaging->slots_per_weight(), plain->slots_per_weight() + 1);
    Parameters without = Start(*plain);
    Parameters with = Start(*averaging);
    const auto averages = std::span(with.slots).last(kWidth);
    EXPECT_TRUE(std::ranges::equal(averages, with.weights));
    std::vector<double> expected(kWidth);
    for (int step = 1; step <= kSteps; ++step) {
      const auto t = static_cast<uint32_t>(step);
      plain->Update(Gradient(step), ScaleOf(step), t, without.weights, without.slots);
      averaging->Update(Gradient(step), ScaleOf(step), t, with.weights, with.slots);
      for (size_t i = 0; i < kWidth; ++i) {
        expected[i] += (eta + 1) / (step + eta) * (double{with.weights[i]} - expected[i]);
        ASSERT_NEAR(averages[i], expected[i], 1e-5) << "weight " << i << " step " << step;
      }
    }
    EXPECT_EQ(with.weights, without.weights);
  }
}

TEST(AdagradTest, FollowsItsEquation) {
  conf::Optimizer config;
  config.mutable_adagrad();
  ExpectFollows(config, [](double& w, double g, int t, double scale, auto& s) {
    if (t == 1) s[0] = 0.1;
    s[0] += g * g;
    w -= 0.05 * scale * g / (std::sqrt(s[0]) + 1e-9);
  });
}

TEST(SgdTest, FollowsItsEquationWithAndWithoutMomentum) {
  for (const double momentum : {0.0, 0.9}) {
    conf::Optimizer config;
    config.mutable_sgd()->set_momentum(momentum);
    ExpectFollows(config, [&](double& w, double g, int, double scale, auto& s) {
      s[0] = momentum * s[0] + g;
      w -= 0.01 * scale * s[0];
    });
  }
}

TEST(FtrlTest, FollowsThePapersEquationAtAConstantRate) {
  conf::Optimizer config;
  config.mutable_ftrl()->set_lambda1(0.1);
  config.mutable_ftrl()->set_lambda2(0.5);
  ExpectFollows(
      config,
      [](double& w, double g, int t, double, auto& s) {
        const double alpha = 0.05;
        if (t == 1) s[0] = -w * (1 / alpha + 0.5) - std::copysign(0.1, w);
        const double sigma = (std::sqrt(s[1] + g * g) - std::sqrt(s[1])) / alpha;
        s[0] += g - sigma * w;
        s[1] += g * g;
        w = std::fabs(s[0]) <= 0.1
                ? 0
                : -(s[0] - std::copysign(0.1, s[0])) / ((1 + std::sqrt(s[1])) / alpha + 0.5);
      },
      /*constant_scale=*/true);
}

TEST(FtrlTest, AChangedRateAloneMovesNothing) {
  conf::Optimizer config;
  config.mutable_ftrl();
  const std::unique_ptr<Optimizer> ftrl = MakeOptimizer(config);
  Parameters parameters = Start(*ftrl);
  const std::vector<float> before = parameters.weights;
  const std::vector<float> none(kWidth);
  for (const float scale : {1.0F, 0.3F, 0.0F, 0.7F}) {
    ftrl->Update(none, scale, 1, parameters.weights, parameters.slots);
    for (size_t i = 0; i < kWidth; ++i) ASSERT_NEAR(parameters.weights[i], before[i], 1e-5);
  }
}

}  // namespace
}  // namespace caravan::ps
