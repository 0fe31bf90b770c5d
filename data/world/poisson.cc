#include "data/world/poisson.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace caravan::data {
namespace {

constexpr double kProductsMax = 10;  // rate from which rejection is faster, and valid

// Uniform in (0, 1), 53 bits.
double Uniform(RandomStream& stream) {
  return (static_cast<double>(stream.NextBits() >> 11) + 0.5) * 0x1p-53;
}

// log of P(X = count).
double LogChance(double rate, double count) {
  return count * std::log(rate) - rate - std::lgamma(count + 1);
}

uint64_t DrawByProducts(double rate, RandomStream& stream) {
  const double floor = std::exp(-rate);
  uint64_t count = 0;
  for (double product = Uniform(stream); product > floor; product *= Uniform(stream)) ++count;
  return count;
}

uint64_t DrawByRejection(double rate, RandomStream& stream) {
  const double b = 0.931 + 2.53 * std::sqrt(rate);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double v_squeeze = 0.9277 - 3.6224 / (b - 2);
  while (true) {
    const double u = Uniform(stream) - 0.5;
    const double v = Uniform(stream);
    const double us = 0.5 - std::abs(u);
    const double count = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_squeeze) return static_cast<uint64_t>(count);
    if (count < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= LogChance(rate, count)) {
      return static_cast<uint64_t>(count);
    }
  }
}

}  // namespace

uint64_t DrawPoisson(double rate, RandomStream& stream) {
  if (rate <= 0) return 0;
  return rate < kProductsMax ? DrawByProducts(rate, stream) : DrawByRejection(rate, stream);
}

uint64_t PoissonMedian(double rate) {
  // The median lies in [rate - log 2, rate + 1/3] (Choi, Proc. AMS 121, 1994): two counts at most,
  // of which the smaller is it if half of the chance lies at or below it.
  const double low = std::max(std::ceil(rate - std::numbers::ln2), 0.0);
  const double high = std::floor(rate + 1.0 / 3);
  if (low >= high) return static_cast<uint64_t>(low);
  // P(X <= low), summed from low downward until what is left no longer counts.
  double term = std::exp(LogChance(rate, low));
  double chance = 0;
  for (double count = low; term > 1e-18 * chance; --count) {
    chance += term;
    if (count < 1) break;
    term *= count / rate;
  }
  return static_cast<uint64_t>(chance >= 0.5 ? low : high);
}

}  // namespace caravan::data
