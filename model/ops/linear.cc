#include "model/ops/linear.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "fmt/format.h"
#include "glog/logging.h"
#include "model/initializers.h"
#include "model/leaky_relu.h"

namespace caravan::model {
namespace {

// Outputs of a step of the gradient (Frame::AwaitTurn), and steps: the part of a batch behind need
// not wait for all of it. Each step packs all inputs anew, so that more steps lose more than they
// gain.
constexpr size_t kStepOutputs = 64;
constexpr size_t kStepsMax = 2;

}  // namespace

Linear::Linear(std::string name, ValueId input, ValueId output, bool per_sample, LinearSizes sizes,
               std::vector<LinearWeights> groups)
    : TypedOp(std::move(name), {input}, output),
      per_sample_(per_sample),
      sizes_(sizes),
      groups_(std::move(groups)) {}

FlopCount Linear::CountFlops(uint32_t batch) const {
  const double product = 2.0 * static_cast<double>(Samples(batch) * groups_.size() * sizes_.rows) *
                         sizes_.in * sizes_.out;
  return {product, 2 * product};
}

uint64_t Linear::ScratchElements(uint32_t batch) const {
  return copies() ? Samples(batch) * sizes_.rows * (uint64_t{sizes_.in} + sizes_.out) : 0;
}

// A group's rows, of [samples, G, R, width], where they are one product as they lie.
template <typename T>
Matrix<T> Linear::RowsOf(T* data, uint32_t batch, size_t group, size_t width) const {
  return {data + group * sizes_.rows * width, Samples(batch) * sizes_.rows, width,
          groups_.size() * width};
}

// The same wherever they lie: by way of `copy`, [samples * R, width], where they have to be.
template <typename T>
Matrix<const T> Linear::Gathered(const T* data, uint32_t batch, size_t group, size_t width,
                                 T* copy) const {
  if (!copies()) return RowsOf(data, batch, group, width);
  const size_t block = sizes_.rows * width;
  for (size_t b = 0; b < Samples(batch); ++b) {
    std::copy_n(data + (b * groups_.size() + group) * block, block, copy + b * block);
  }
  return {copy, Samples(batch) * sizes_.rows, width};
}

template <typename T>
void Linear::Run(Frame<T>& frame) const {
  const T* x = frame.Value(inputs()[0]).data();
  const std::span<T> y = frame.MutableValue(output());
  const uint32_t batch = frame.batch();
  const size_t block = size_t{sizes_.rows} * sizes_.out;
  T* const x_copy = frame.Scratch().data();
  T* const y_copy = x_copy + (copies() ? Samples(batch) * sizes_.rows * sizes_.in : 0);
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Matrix<const T> weight(frame.Parameter(groups_[g].weight).data(), sizes_.out, sizes_.in);
    const Matrix<T> out = copies() ? Matrix<T>(y_copy, Samples(batch) * sizes_.rows, sizes_.out)
                                   : RowsOf(y.data(), batch, g, sizes_.out);
    frame.kernels().gemm(T{1}, Gathered(x, batch, g, sizes_.in, x_copy), weight.Transposed(), T{0},
                         out);
    if (groups_[g].bias) {
      const T* bias = frame.Parameter(*groups_[g].bias).data();
      for (size_t r = 0; r < out.rows; ++r) {
        for (size_t i = 0; i < out.columns; ++i) out.data[r * out.stride + i] += bias[i];
      }
    }
    for (size_t b = 0; copies() && b < Samples(batch); ++b) {
      std::copy_n(y_copy + b * block, block, y.data() + (b * groups_.size() + g) * block);
    }
  }
  if (sizes_.slope) LeakyRelu(static_cast<T>(*sizes_.slope), y);
}

template <typename T>
void Linear::Differentiate(Frame<T>& frame) const {
  const T* x = frame.Value(inputs()[0]).data();
  const std::span<T> dz = frame.Gradient(output());
  if (sizes_.slope) {
    LeakyReluBackward(static_cast<T>(*sizes_.slope), frame.Value(output()), dz);
  }
  const uint32_t batch = frame.batch();
  const size_t block = size_t{sizes_.rows} * sizes_.in;
  T* const x_copy = frame.Scratch().data();
  T* const z_copy = x_copy + (copies() ? Samples(batch) * block : 0);
  for (size_t g = 0; frame.HasGradient(inputs()[0]) && g < groups_.size(); ++g) {
    T* dx = frame.Gradient(inputs()[0]).data();
    const Matrix<const T> weight(frame.Parameter(groups_[g].weight).data(), sizes_.out, sizes_.in);
    const Matrix<const T> out = Gathered<T>(dz.data(), batch, g, sizes_.out, z_copy);
    if (!copies()) {
      frame.kernels().gemm(T{1}, out, weight, T{1}, RowsOf(dx, batch, g, sizes_.in));
      continue;
    }
    frame.kernels().gemm(T{1}, out, weight, T{0}, Matrix<T>(x_copy, out.rows, sizes_.in));
    for (size_t b = 0; b < Samples(batch); ++b) {
      T* to = dx + (b * groups_.size() + g) * block;
      for (size_t i = 0; i < block; ++i) to[i] += x_copy[b * block + i];
    }
  }
  const size_t steps_max = frame.is_whole_batch() ? 1 : kStepsMax;
  const size_t steps = std::clamp<size_t>(sizes_.out / kStepOutputs, 1, steps_max);
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Matrix<const T> out = Gathered<T>(dz.data(), batch, g, sizes_.out, z_copy);
    const Matrix<const T> in = Gathered(x, batch, g, sizes_.in, x_copy);
    T* const weight_gradient = frame.ParameterGradient(groups_[g].weight).data();
    for (size_t step = 0; step < steps; ++step) {
      const size_t first = sizes_.out * step / steps;
      const size_t end = sizes_.out * (step + 1) / steps;
      frame.AwaitTurn(g * steps + step, g * steps + step + 1);
      const Matrix<const T> of_step(out.data + first, out.rows, end - first, out.stride);
      frame.kernels().gemm(T{1}, of_step.Transposed(), in, T{1},
                           Matrix<T>(weight_gradient + first * sizes_.in, end - first, sizes_.in));
    }
    if (!groups_[g].bias) continue;
    T* bias = frame.ParameterGradient(*groups_[g].bias).data();
    for (size_t r = 0; r < out.rows; ++r) {
      for (size_t i = 0; i < out.columns; ++i) bias[i] += out.data[r * out.stride + i];
    }
  }
}

ValueId AddLinear(Graph& graph, const std::string& name, ValueId input, LinearOptions options) {
  const bool per_sample = graph.value(input).per_sample;
  const auto groups = static_cast<uint32_t>(options.groups.empty() ? 1 : options.groups.size());
  const auto elements = static_cast<uint32_t>(graph.value(input).elements);
  CHECK_EQ(elements % (groups * options.in), 0U) << name;
  LinearSizes sizes;
  sizes.rows = elements / groups / options.in;
  sizes.in = options.in;
  sizes.out = options.out;
  sizes.slope = options.slope;
  CHECK_EQ(ElementsOf(options.shape), uint64_t{groups} * sizes.rows * sizes.out) << name;

  if (options.groups.empty()) options.groups = {""};
  std::vector<LinearWeights> weights;
  for (const std::string& group : options.groups) {
    const std::string prefix = group.empty() ? name : fmt::format("{}.{}", name, group);
    LinearWeights& one = weights.emplace_back();
    one.weight = graph.AddParameter(
        prefix + ".weight", {options.out, options.in},
        options.deviation ? NormalInitializer(*options.deviation) : HeNormalInitializer(options.in),
        true);
    if (options.bias) {
      one.bias = graph.AddParameter(prefix + ".bias", {options.out}, ConstantInitializer(0), false);
    }
  }
  const ValueId output = graph.AddValue(name, options.shape, per_sample);
  graph.AddOp(std::make_unique<Linear>(name, input, output, per_sample, sizes, std::move(weights)));
  return output;
}

}  // namespace caravan::model
