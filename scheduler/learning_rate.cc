#include "scheduler/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace caravan::scheduler {

float LearningRateScale(const conf::Training& training, double progress) {
  progress = std::clamp(progress, 0.0, 1.0);
  const double warmup = training.warmup_fraction();
  if (progress < warmup) return static_cast<float>(progress / warmup);
  if (training.schedule() == conf::CONSTANT || warmup >= 1) return 1;
  const double x = (progress - warmup) / (1 - warmup);
  const double floor = training.final_fraction();
  return static_cast<float>(floor + (1 - floor) * (1 + std::cos(std::numbers::pi * x)) / 2);
}

}  // namespace caravan::scheduler
