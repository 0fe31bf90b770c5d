#include "model/ops/self_attention.h"

#include <cmath>
#include <memory>
#include <utility>

#include "glog/logging.h"
#include "model/gemm.h"
#include "model/initializers.h"
#include "model/softmax.h"

namespace caravan::model {
namespace {

// What is kept from forward to backward: [B, T, w] each but P, which is [B, heads, T, T].
template <typename T>
struct Kept {
  Kept(std::span<T> saved, size_t batch, const AttentionSizes& sizes) {
    const size_t block = batch * sizes.days * sizes.width;
    query = saved.data();
    key = query + block;
    value = key + block;
    context = value + block;
    shares = {context + block, batch * sizes.heads * sizes.days * sizes.days};
  }
  T* query;
  T* key;
  T* value;
  T* context;           // [P_0 V_0 | P_1 V_1 | ...]
  std::span<T> shares;  // P
};

// Columns of one head of one sample in [B, T, w].
template <typename T>
Matrix<T> HeadOf(T* data, size_t sample, size_t head, const AttentionSizes& sizes) {
  const size_t columns = sizes.width / sizes.heads;
  return {data + sample * sizes.days * sizes.width + head * columns, sizes.days, columns,
          sizes.width};
}

template <typename T>
T Scale(const AttentionSizes& sizes) {
  const uint32_t head_width = sizes.width / sizes.heads;  // heads divide the width
  return T{1} / std::sqrt(static_cast<T>(head_width));
}

}  // namespace

SelfAttention::SelfAttention(std::string name, ValueId input, ValueId output,
                             AttentionWeights weights, AttentionSizes sizes)
    : TypedOp(std::move(name), {input}, output), weights_(weights), sizes_(sizes) {}

FlopCount SelfAttention::CountFlops(uint32_t batch) const {
  const double rows = static_cast<double>(batch) * sizes_.days;
  const double width = sizes_.width;
  const double maps = 4 * 2 * rows * width * width;
  const double attention = 2 * 2 * rows * sizes_.days * width;
  return {maps + attention, 2 * (maps + attention)};
}

uint64_t SelfAttention::SavedElements(uint32_t batch) const {
  const uint64_t days = uint64_t{batch} * sizes_.days;
  return 4 * days * sizes_.width + days * sizes_.days * sizes_.heads;
}

uint64_t SelfAttention::ScratchElements(uint32_t batch) const {
  const uint64_t days = sizes_.days;
  return 4 * batch * days * sizes_.width + days * days;
}

template <typename T>
void SelfAttention::Run(Frame<T>& frame) const {
  const size_t rows = size_t{frame.batch()} * sizes_.days;
  const size_t width = sizes_.width;
  const Kept<T> kept(frame.Saved(), frame.batch(), sizes_);
  const Matrix<const T> x(frame.Value(inputs()[0]).data(), rows, width);
  const auto map = [&](ParameterId weight, const Matrix<const T>& from, T* to) {
    const Matrix<const T> w(frame.Parameter(weight).data(), width, width);
    Gemm(T{1}, from, w.Transposed(), T{0}, Matrix<T>(to, rows, width));
  };
  map(weights_.query, x, kept.query);
  map(weights_.key, x, kept.key);
  map(weights_.value, x, kept.value);

  const size_t square = size_t{sizes_.days} * sizes_.days;
  for (size_t b = 0; b < frame.batch(); ++b) {
    for (size_t h = 0; h < sizes_.heads; ++h) {
      const std::span<T> shares = kept.shares.subspan((b * sizes_.heads + h) * square, square);
      Gemm(Scale<T>(sizes_), HeadOf<const T>(kept.query, b, h, sizes_),
           HeadOf<const T>(kept.key, b, h, sizes_).Transposed(), T{0},
           Matrix<T>(shares.data(), sizes_.days, sizes_.days));
      SoftmaxRows(shares, sizes_.days);
      Gemm(T{1}, Matrix<const T>(shares.data(), sizes_.days, sizes_.days),
           HeadOf<const T>(kept.value, b, h, sizes_), T{0}, HeadOf(kept.context, b, h, sizes_));
    }
  }
  map(weights_.output, Matrix<const T>(kept.context, rows, width),
      frame.MutableValue(output()).data());
}

template <typename T>
void SelfAttention::Differentiate(Frame<T>& frame) const {
  const size_t rows = size_t{frame.batch()} * sizes_.days;
  const size_t width = sizes_.width;
  const size_t block = rows * width;
  const Kept<T> kept(frame.Saved(), frame.batch(), sizes_);
  T* const d_context = frame.Scratch().data();
  T* const d_query = d_context + block;
  T* const d_key = d_query + block;
  T* const d_value = d_key + block;
  const std::span<T> d_shares(d_value + block, size_t{sizes_.days} * sizes_.days);
  const Matrix<const T> dy(frame.Gradient(output()).data(), rows, width);

  Gemm(T{1}, dy, Matrix<const T>(frame.Parameter(weights_.output).data(), width, width), T{0},
       Matrix<T>(d_context, rows, width));

  const Matrix<T> d_square(d_shares.data(), sizes_.days, sizes_.days);
  const Matrix<const T> ds(d_shares.data(), sizes_.days, sizes_.days);
  for (size_t b = 0; b < frame.batch(); ++b) {
    for (size_t h = 0; h < sizes_.heads; ++h) {
      const std::span<const T> shares =
          kept.shares.subspan((b * sizes_.heads + h) * d_shares.size(), d_shares.size());
      const Matrix<const T> p(shares.data(), sizes_.days, sizes_.days);
      const Matrix<const T> dc = HeadOf<const T>(d_context, b, h, sizes_);
      Gemm(T{1}, p.Transposed(), dc, T{0}, HeadOf(d_value, b, h, sizes_));
      Gemm(T{1}, dc, HeadOf<const T>(kept.value, b, h, sizes_).Transposed(), T{0}, d_square);
      SoftmaxRowsBackward(shares, sizes_.days, d_shares);
      Gemm(Scale<T>(sizes_), ds, HeadOf<const T>(kept.key, b, h, sizes_), T{0},
           HeadOf(d_query, b, h, sizes_));
      Gemm(Scale<T>(sizes_), ds.Transposed(), HeadOf<const T>(kept.query, b, h, sizes_), T{0},
           HeadOf(d_key, b, h, sizes_));
    }
  }

  const Matrix<const T> x(frame.Value(inputs()[0]).data(), rows, width);
  const auto input_backward = [&](ParameterId weight, const T* gradient) {
    Gemm(T{1}, Matrix<const T>(gradient, rows, width),
         Matrix<const T>(frame.Parameter(weight).data(), width, width), T{1},
         Matrix<T>(frame.Gradient(inputs()[0]).data(), rows, width));
  };
  if (frame.HasGradient(inputs()[0])) {
    input_backward(weights_.query, d_query);
    input_backward(weights_.key, d_key);
    input_backward(weights_.value, d_value);
  }
  const auto map_backward = [&](ParameterId weight, const Matrix<const T>& from,
                                const T* gradient) {
    Gemm(T{1}, Matrix<const T>(gradient, rows, width).Transposed(), from, T{1},
         Matrix<T>(frame.ParameterGradient(weight).data(), width, width));
  };
  frame.AwaitTurn(0, kOpSteps);
  map_backward(weights_.query, x, d_query);
  map_backward(weights_.key, x, d_key);
  map_backward(weights_.value, x, d_value);
  map_backward(weights_.output, Matrix<const T>(kept.context, rows, width), dy.data);
}

ValueId AddSelfAttention(Graph& graph, const std::string& name, ValueId input, uint32_t heads) {
  const Shape shape = graph.value(input).shape;
  CHECK_EQ(shape.size(), 2U) << name;
  CHECK_EQ(shape[1] % heads, 0U) << name;
  const auto weight = [&](const std::string& part) {
    return graph.AddParameter(name + "." + part + ".weight", {shape[1], shape[1]},
                              HeNormalInitializer(shape[1]), true);
  };
  AttentionWeights weights;
  weights.query = weight("query");
  weights.key = weight("key");
  weights.value = weight("value");
  weights.output = weight("output");
  const ValueId output = graph.AddValue(name, shape, true);
  graph.AddOp(std::make_unique<SelfAttention>(name, input, output, weights,
                                              AttentionSizes{shape[0], shape[1], heads}));
  return output;
}

}  // namespace caravan::model
