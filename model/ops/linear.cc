#include "model/ops/linear.h"

#include <memory>
#include <utility>

#include "fmt/format.h"
#include "glog/logging.h"
#include "model/gemm.h"
#include "model/initializers.h"
#include "model/leaky_relu.h"

namespace caravan::model {
namespace {

// Rows that lie at one stride and share weights, so that they are one product.
struct RowBlock {
  size_t first = 0;  // counted over all rows of the value: [samples, G, R]
  size_t count = 0;
  size_t step = 1;
};

std::vector<RowBlock> BlocksOf(size_t samples, size_t groups, size_t group, size_t rows) {
  if (groups == 1) return {{0, samples * rows, 1}};
  if (rows == 1) return {{group, samples, groups}};
  std::vector<RowBlock> blocks;
  for (size_t b = 0; b < samples; ++b) blocks.push_back({(b * groups + group) * rows, rows, 1});
  return blocks;
}

template <typename T>
Matrix<T> RowsOf(T* data, const RowBlock& block, size_t width) {
  return {data + block.first * width, block.count, width, block.step * width};
}

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

template <typename T>
void Linear::Run(Frame<T>& frame) const {
  const T* x = frame.Value(inputs()[0]).data();
  const std::span<T> y = frame.MutableValue(output());
  const size_t samples = Samples(frame.batch());
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Matrix<const T> weight(frame.Parameter(groups_[g].weight).data(), sizes_.out, sizes_.in);
    for (const RowBlock& block : BlocksOf(samples, groups_.size(), g, sizes_.rows)) {
      const Matrix<T> out = RowsOf(y.data(), block, sizes_.out);
      Gemm(T{1}, RowsOf(x, block, sizes_.in), weight.Transposed(), T{0}, out);
      if (!groups_[g].bias) continue;
      const T* bias = frame.Parameter(*groups_[g].bias).data();
      for (size_t r = 0; r < out.rows; ++r) {
        for (size_t i = 0; i < out.columns; ++i) out.data[r * out.stride + i] += bias[i];
      }
    }
  }
  if (sizes_.slope) LeakyRelu(static_cast<T>(*sizes_.slope), y);
}

template <typename T>
void Linear::Differentiate(Frame<T>& frame) const {
  const T* x = frame.Value(inputs()[0]).data();
  const std::span<T> dy = frame.Gradient(output());
  if (sizes_.slope) {
    LeakyReluBackward(static_cast<T>(*sizes_.slope), frame.Value(output()), dy);
  }
  const T* dz = dy.data();
  const size_t samples = Samples(frame.batch());
  for (size_t g = 0; frame.HasGradient(inputs()[0]) && g < groups_.size(); ++g) {
    T* dx = frame.Gradient(inputs()[0]).data();
    const Matrix<const T> weight(frame.Parameter(groups_[g].weight).data(), sizes_.out, sizes_.in);
    for (const RowBlock& block : BlocksOf(samples, groups_.size(), g, sizes_.rows)) {
      Gemm(T{1}, RowsOf(dz, block, sizes_.out), weight, T{1}, RowsOf(dx, block, sizes_.in));
    }
  }
  frame.AwaitTurn(0, kOpSteps);
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Matrix<T> weight_gradient(frame.ParameterGradient(groups_[g].weight).data(), sizes_.out,
                                    sizes_.in);
    for (const RowBlock& block : BlocksOf(samples, groups_.size(), g, sizes_.rows)) {
      const Matrix<const T> out = RowsOf(dz, block, sizes_.out);
      Gemm(T{1}, out.Transposed(), RowsOf(x, block, sizes_.in), T{1}, weight_gradient);
      if (!groups_[g].bias) continue;
      T* bias = frame.ParameterGradient(*groups_[g].bias).data();
      for (size_t r = 0; r < out.rows; ++r) {
        for (size_t i = 0; i < out.columns; ++i) bias[i] += out.data[r * out.stride + i];
      }
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
    one.weight = graph.AddParameter(prefix + ".weight", {options.out, options.in},
                                    HeNormalInitializer(options.in), true);
    if (options.bias) {
      one.bias = graph.AddParameter(prefix + ".bias", {options.out}, ConstantInitializer(0), false);
    }
  }
  const ValueId output = graph.AddValue(name, options.shape, per_sample);
  graph.AddOp(std::make_unique<Linear>(name, input, output, per_sample, sizes, std::move(weights)));
  return output;
}

}  // namespace caravan::model
