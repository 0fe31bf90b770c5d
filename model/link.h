// Links between a task's number z and what is predicted, and the losses of both, one number at a
// time. Templates over float and double, since the gradients are checked in double.
#ifndef CARAVAN_MODEL_LINK_H_
#define CARAVAN_MODEL_LINK_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace caravan::model {

enum class LinkKind : uint8_t {
  kExp,       // y = exp(z), for z > 20 continued linearly: exp(20) * (1 + z - 20)
  kSoftplus,  // y = log(1 + exp(z))
  kLogistic,  // y = 1 / (1 + exp(-z)), of cross-entropy
};

// Above it exp(z) goes on linearly, so that it never overflows.
inline constexpr double kExpLinearAbove = 20;
// Below it a softplus rate is held for its logarithm: log(softplus(z)) is z there to float
// precision.
inline constexpr double kSoftplusTail = -15;

template <typename T>
T Softplus(T z) {
  return std::max(z, T{0}) + std::log1p(std::exp(-std::abs(z)));
}

template <typename T>
T Logistic(T z) {
  const T e = std::exp(-std::abs(z));
  return (z >= T{0} ? T{1} : e) / (T{1} + e);
}

template <typename T>
T Predict(LinkKind kind, T z) {
  switch (kind) {
    case LinkKind::kExp: {
      const T knee = static_cast<T>(kExpLinearAbove);
      return z > knee ? std::exp(knee) * (T{1} + z - knee) : std::exp(z);
    }
    case LinkKind::kSoftplus:
      return Softplus(z);
    case LinkKind::kLogistic:
      return Logistic(z);
  }
  return 0;
}

template <typename T>
struct LossAndSlope {
  T loss = 0;
  T slope = 0;  // d loss / d z
};

// Poisson: y_hat - y log y_hat (eq. 19-20 of M2M); logistic: softplus(z) - y z.
template <typename T>
LossAndSlope<T> LossOf(LinkKind kind, T z, T label) {
  switch (kind) {
    case LinkKind::kExp: {
      const T rate = Predict(kind, z);
      const T knee = static_cast<T>(kExpLinearAbove);
      if (z <= knee) return {rate - label * z, rate - label};
      const T beyond = T{1} + z - knee;
      return {rate - label * (knee + std::log(beyond)), std::exp(knee) - label / beyond};
    }
    case LinkKind::kSoftplus: {
      const T rate = Softplus(z);
      if (z < static_cast<T>(kSoftplusTail)) return {rate - label * z, rate - label};
      const T inner = Logistic(z);
      return {rate - label * std::log(rate), inner * (T{1} - label / rate)};
    }
    case LinkKind::kLogistic:
      return {Softplus(z) - label * z, Logistic(z) - label};
  }
  return {};
}

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_LINK_H_
