#include "model/ops/expert_mixture.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "glog/logging.h"
#include "model/gemm.h"
#include "model/initializers.h"

namespace caravan::model {

ExpertMixture::ExpertMixture(std::string name, ValueId hidden, ValueId experts, ValueId output,
                             ParameterId vector, MixtureSizes sizes)
    : TypedOp(std::move(name), {hidden, experts}, output), vector_(vector), sizes_(sizes) {}

FlopCount ExpertMixture::CountFlops(uint32_t batch) const {
  const double pairs = static_cast<double>(batch) * sizes_.tasks * sizes_.experts;
  const double forward = 2 * pairs * (sizes_.hidden + sizes_.width);
  return {forward, 2 * forward};
}

// alpha: [B, m, k].
uint64_t ExpertMixture::SavedElements(uint32_t batch) const {
  return uint64_t{batch} * sizes_.tasks * sizes_.experts;
}

uint64_t ExpertMixture::ScratchElements(uint32_t batch) const { return SavedElements(batch); }

template <typename T>
void ExpertMixture::Run(Frame<T>& frame) const {
  const std::span<T> alpha = frame.Saved();
  const Matrix<const T> hidden(frame.Value(inputs()[0]).data(), alpha.size(), sizes_.hidden);
  const Matrix<const T> v(frame.Parameter(vector_).data(), sizes_.hidden, 1);
  Gemm(T{1}, hidden, v, T{0}, Matrix<T>(alpha.data(), alpha.size(), 1));
  frame.kernels().softmax(alpha.data(), alpha.size() / sizes_.experts, sizes_.experts, T{1});

  const T* experts = frame.Value(inputs()[1]).data();
  T* y = frame.MutableValue(output()).data();
  for (size_t b = 0; b < frame.batch(); ++b) {
    const Matrix<const T> shares(&alpha[b * sizes_.tasks * sizes_.experts], sizes_.tasks,
                                 sizes_.experts);
    const Matrix<const T> e(experts + b * sizes_.experts * sizes_.width, sizes_.experts,
                            sizes_.width);
    Gemm(T{1}, shares, e, T{0},
         Matrix<T>(y + b * sizes_.tasks * sizes_.width, sizes_.tasks, sizes_.width));
  }
}

template <typename T>
void ExpertMixture::Differentiate(Frame<T>& frame) const {
  const std::span<const T> alpha = frame.Saved();
  const std::span<T> d_alpha = frame.Scratch();
  const T* experts = frame.Value(inputs()[1]).data();
  T* d_experts = frame.Gradient(inputs()[1]).data();
  const T* dy = frame.Gradient(output()).data();
  const size_t pairs = size_t{sizes_.tasks} * sizes_.experts;
  for (size_t b = 0; b < frame.batch(); ++b) {
    const Matrix<const T> shares(&alpha[b * pairs], sizes_.tasks, sizes_.experts);
    const Matrix<const T> dr(dy + b * sizes_.tasks * sizes_.width, sizes_.tasks, sizes_.width);
    const size_t at = b * sizes_.experts * sizes_.width;
    Gemm(T{1}, shares.Transposed(), dr, T{1},
         Matrix<T>(d_experts + at, sizes_.experts, sizes_.width));
    Gemm(T{1}, dr, Matrix<const T>(experts + at, sizes_.experts, sizes_.width).Transposed(), T{0},
         Matrix<T>(&d_alpha[b * pairs], sizes_.tasks, sizes_.experts));
  }
  frame.kernels().softmax_backward(alpha.data(), alpha.size() / sizes_.experts, sizes_.experts,
                                   T{1}, d_alpha.data());

  const Matrix<const T> da(d_alpha.data(), alpha.size(), 1);
  const Matrix<const T> v(frame.Parameter(vector_).data(), sizes_.hidden, 1);
  const Matrix<const T> hidden(frame.Value(inputs()[0]).data(), alpha.size(), sizes_.hidden);
  Gemm(T{1}, hidden.Transposed(), da, T{1},
       Matrix<T>(frame.ParameterGradient(vector_).data(), sizes_.hidden, 1));
  Gemm(T{1}, da, v.Transposed(), T{1},
       Matrix<T>(frame.Gradient(inputs()[0]).data(), alpha.size(), sizes_.hidden));
}

ValueId AddExpertMixture(Graph& graph, const std::string& name, ValueId hidden, ValueId experts) {
  const Value& hidden_value = graph.value(hidden);
  const Value& expert_value = graph.value(experts);
  CHECK_EQ(hidden_value.shape.size(), 3U) << name;
  CHECK(hidden_value.has_gradient && expert_value.has_gradient) << name;
  MixtureSizes sizes;
  sizes.tasks = hidden_value.shape[0];
  sizes.experts = hidden_value.shape[1];
  sizes.hidden = hidden_value.shape[2];
  sizes.width = expert_value.shape.at(1);
  CHECK_EQ(expert_value.shape[0], sizes.experts) << name;
  const ParameterId vector = graph.AddParameter(
      name + ".v", {sizes.hidden}, NormalInitializer(std::sqrt(1.0 / sizes.hidden)), true);
  const ValueId output = graph.AddValue(name, {sizes.tasks, sizes.width}, true);
  graph.AddOp(std::make_unique<ExpertMixture>(name, hidden, experts, output, vector, sizes));
  return output;
}

}  // namespace caravan::model
