#include "model/ops/task_alignment.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "glog/logging.h"
#include "model/gemm.h"
#include "model/initializers.h"
#include "model/kernels/transpose.h"

namespace caravan::model {

// What is kept from forward to backward.
template <typename T>
struct TaskAlignment::Kept {
  Kept(std::span<T> saved, size_t batch, const AlignmentSizes& sizes)
      : maps(saved.data()),
        shares(maps + batch * sizes.tokens * sizes.width),
        starts(shares + batch * sizes.tasks * sizes.tokens) {}
  T* maps;    // u: [B, J, d]
  T* shares;  // alpha: [B, m, J]
  T* starts;  // c: [m, d]
};

// Scratch of backward.
template <typename T>
struct TaskAlignment::Gradients {
  Gradients(std::span<T> scratch, size_t batch, const AlignmentSizes& sizes)
      : maps(scratch.data()),
        starts(maps + batch * sizes.tokens * sizes.width),
        vector(starts + size_t{sizes.tasks} * sizes.width),
        shares(vector + sizes.width),
        transposed(shares + PaddedLanes(size_t{sizes.tasks} * sizes.tokens)) {}
  T* maps;        // [B, J, d]
  T* starts;      // [m, d]: summed over the samples
  T* vector;      // [d]: the same
  T* shares;      // [m, J]: of a sample
  T* transposed;  // [d, PaddedLanes(J)]: p of a sample
};

TaskAlignment::TaskAlignment(std::string name, ValueId tokens, ValueId tasks, ValueId output,
                             AlignmentWeights weights, AlignmentSizes sizes)
    : TypedOp(std::move(name), {tokens, tasks}, output), weights_(weights), sizes_(sizes) {}

FlopCount TaskAlignment::CountFlops(uint32_t batch) const {
  const double d = sizes_.width;
  const double tokens = static_cast<double>(batch) * sizes_.tokens;
  const double pairs = tokens * sizes_.tasks;
  // v^T tanh(...) and the mixture, beside the maps.
  const double forward = 2 * d * d * (tokens + sizes_.tasks) + 4 * pairs * d;
  return {forward, 2 * forward};
}

uint64_t TaskAlignment::SavedElements(uint32_t batch) const {
  return uint64_t{batch} * sizes_.tokens * (uint64_t{sizes_.width} + sizes_.tasks) +
         uint64_t{sizes_.tasks} * sizes_.width;
}

uint64_t TaskAlignment::ScratchElements(uint32_t batch) const {
  const uint64_t width = sizes_.width;
  return (uint64_t{batch} * sizes_.tokens + sizes_.tasks + 1) * width +
         PaddedLanes(uint64_t{sizes_.tasks} * sizes_.tokens) + width * PaddedLanes(sizes_.tokens);
}

template <typename T>
Alignment<T> TaskAlignment::Pairs(Frame<T>& frame, const Kept<T>& kept, size_t sample) const {
  return {.tokens = kept.maps + sample * sizes_.tokens * sizes_.width,
          .tasks = kept.starts,
          .vector = frame.Parameter(weights_.vector).data(),
          .token_count = sizes_.tokens,
          .task_count = sizes_.tasks,
          .width = sizes_.width};
}

template <typename T>
void TaskAlignment::Run(Frame<T>& frame) const {
  const size_t d = sizes_.width;
  const Kept<T> kept(frame.Saved(), frame.batch(), sizes_);
  const Matrix<const T> tokens(frame.Value(inputs()[0]).data(), frame.batch() * sizes_.tokens, d);
  const Matrix<const T> tasks(frame.Value(inputs()[1]).data(), sizes_.tasks, d);
  const T* weight = frame.Parameter(weights_.weight).data();
  Gemm(T{1}, tokens, Matrix<const T>(weight, d, d, 2 * d).Transposed(), T{0},
       Matrix<T>(kept.maps, tokens.rows, d));
  for (size_t t = 0; t < sizes_.tasks; ++t) {
    std::ranges::copy(frame.Parameter(weights_.bias), kept.starts + t * d);
  }
  Gemm(T{1}, tasks, Matrix<const T>(weight + d, d, d, 2 * d).Transposed(), T{1},
       Matrix<T>(kept.starts, sizes_.tasks, d));
  const KernelSet<T>& kernels = frame.kernels();
  T* y = frame.MutableValue(output()).data();
  for (size_t b = 0; b < frame.batch(); ++b) {
    T* const shares = kept.shares + b * sizes_.tasks * sizes_.tokens;
    kernels.align(Pairs(frame, kept, b), shares);
    kernels.softmax(shares, sizes_.tasks, sizes_.tokens, T{1});
    kernels.multiply({.a = shares,
                      .a_row = sizes_.tokens,
                      .a_step = 1,
                      .b = tokens.data + b * sizes_.tokens * d,
                      .b_step = d,
                      .c = y + b * sizes_.tasks * d,
                      .c_row = d,
                      .rows = sizes_.tasks,
                      .columns = d,
                      .inner = sizes_.tokens});
  }
}

// From a sample's dR: what follows by way of R alone is added to dp; du, and its part of dc and dv.
template <typename T>
void TaskAlignment::SampleBackward(Frame<T>& frame, const Kept<T>& kept,
                                   const Gradients<T>& gradients, size_t sample) const {
  const KernelSet<T>& kernels = frame.kernels();
  const size_t d = sizes_.width;
  const size_t at = sample * sizes_.tokens * d;
  const T* shares = kept.shares + sample * sizes_.tasks * sizes_.tokens;
  const T* dy = frame.Gradient(output()).data() + sample * sizes_.tasks * d;
  kernels.multiply({.a = shares,
                    .a_row = 1,
                    .a_step = sizes_.tokens,
                    .b = dy,
                    .b_step = d,
                    .c = frame.Gradient(inputs()[0]).data() + at,
                    .c_row = d,
                    .rows = sizes_.tokens,
                    .columns = d,
                    .inner = sizes_.tasks,
                    .start = ProductStart::kAdd});
  const size_t padded = PaddedLanes(sizes_.tokens);
  Transpose(kernels, frame.Value(inputs()[0]).data() + at, d, sizes_.tokens, d,
            gradients.transposed, padded);
  kernels.multiply({.a = dy,
                    .a_row = d,
                    .a_step = 1,
                    .b = gradients.transposed,
                    .b_step = padded,
                    .c = gradients.shares,
                    .c_row = sizes_.tokens,
                    .rows = sizes_.tasks,
                    .columns = sizes_.tokens,
                    .inner = d});
  kernels.softmax_backward(shares, sizes_.tasks, sizes_.tokens, T{1}, gradients.shares);
  kernels.align_backward(Pairs(frame, kept, sample), {.scores = gradients.shares,
                                                      .tokens = gradients.maps + at,
                                                      .tasks = gradients.starts,
                                                      .vector = gradients.vector});
}

template <typename T>
void TaskAlignment::Differentiate(Frame<T>& frame) const {
  const size_t d = sizes_.width;
  const size_t rows = frame.batch() * sizes_.tokens;
  const Kept<T> kept(frame.Saved(), frame.batch(), sizes_);
  const Gradients<T> gradients(frame.Scratch(), frame.batch(), sizes_);
  std::fill_n(gradients.maps, (rows + sizes_.tasks + 1) * d, T{0});
  for (size_t b = 0; b < frame.batch(); ++b) SampleBackward(frame, kept, gradients, b);

  const T* weight = frame.Parameter(weights_.weight).data();
  const Matrix<const T> d_maps(gradients.maps, rows, d);
  const Matrix<const T> d_starts(gradients.starts, sizes_.tasks, d);
  Gemm(T{1}, d_maps, Matrix<const T>(weight, d, d, 2 * d), T{1},
       Matrix<T>(frame.Gradient(inputs()[0]).data(), rows, d));
  Gemm(T{1}, d_starts, Matrix<const T>(weight + d, d, d, 2 * d), T{1},
       Matrix<T>(frame.Gradient(inputs()[1]).data(), sizes_.tasks, d));

  frame.AwaitTurn(0, kOpSteps);
  T* d_weight = frame.ParameterGradient(weights_.weight).data();
  Gemm(T{1}, d_maps.Transposed(), Matrix<const T>(frame.Value(inputs()[0]).data(), rows, d), T{1},
       Matrix<T>(d_weight, d, d, 2 * d));
  Gemm(T{1}, d_starts.Transposed(),
       Matrix<const T>(frame.Value(inputs()[1]).data(), sizes_.tasks, d), T{1},
       Matrix<T>(d_weight + d, d, d, 2 * d));
  const std::span<T> d_bias = frame.ParameterGradient(weights_.bias);
  const std::span<T> d_vector = frame.ParameterGradient(weights_.vector);
  for (size_t i = 0; i < d; ++i) {
    d_vector[i] += gradients.vector[i];
    for (size_t t = 0; t < sizes_.tasks; ++t) d_bias[i] += gradients.starts[t * d + i];
  }
}

ValueId AddTaskAlignment(Graph& graph, const std::string& name, ValueId tokens, ValueId tasks) {
  const Value& token_value = graph.value(tokens);
  const Value& task_value = graph.value(tasks);
  CHECK(token_value.per_sample && token_value.has_gradient) << name;
  CHECK(!task_value.per_sample && task_value.has_gradient) << name;
  AlignmentSizes sizes;
  sizes.tokens = token_value.shape.at(0);
  sizes.tasks = task_value.shape.at(0);
  sizes.width = token_value.shape.at(1);
  CHECK_EQ(task_value.shape.at(1), sizes.width) << name;
  const uint32_t d = sizes.width;
  AlignmentWeights weights;
  weights.weight =
      graph.AddParameter(name + ".weight", {d, 2 * d}, HeNormalInitializer(2 * d), true);
  weights.bias = graph.AddParameter(name + ".bias", {d}, ConstantInitializer(0), false);
  weights.vector =
      graph.AddParameter(name + ".v", {d}, NormalInitializer(std::sqrt(1.0 / d)), true);
  const ValueId output = graph.AddValue(name, {sizes.tasks, d}, true);
  graph.AddOp(std::make_unique<TaskAlignment>(name, tokens, tasks, output, weights, sizes));
  return output;
}

}  // namespace caravan::model
