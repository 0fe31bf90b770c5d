// LeakyReLU (Maas et al., ICML 2013), in place: y = z where z > 0, else slope * z.
#ifndef CARAVAN_MODEL_LEAKY_RELU_H_
#define CARAVAN_MODEL_LEAKY_RELU_H_

#include <cstddef>
#include <span>

namespace caravan::model {

// As the larger of z and slope * z, for slope <= 1: without a branch, which would be mispredicted.
template <typename T>
void LeakyRelu(T slope, std::span<T> values) {
  for (T& value : values) {
    const T below = slope * value;
    value = value > below ? value : below;
  }
}

// gradient: of y, turned into that of z. The sign of y is that of z as long as slope >= 0.
template <typename T>
void LeakyReluBackward(T slope, std::span<const T> y, std::span<T> gradient) {
  for (size_t i = 0; i < y.size(); ++i) gradient[i] *= y[i] > T{0} ? T{1} : slope;
}

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_LEAKY_RELU_H_
