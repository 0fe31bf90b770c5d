#include "model/ops/self_attention.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "glog/logging.h"
#include "model/initializers.h"
#include "model/kernels/transpose.h"

namespace caravan::model {
namespace {

// Days for which the maps are one product: their rows, and what is computed of them, stay in the
// second-level cache.
constexpr size_t kBlockDays = 128;
// Columns of a product at a time, so that this part of its right factor stays in the first-level
// cache while all rows pass it.
constexpr size_t kPanelColumns = 64;

size_t BlockSamples(const AttentionSizes& sizes) {
  return std::max<size_t>(1, kBlockDays / sizes.days);
}

// Of the maps laid side by side and transposed.
size_t MapStride(size_t width) { return 2 * width + PaddedLanes(width); }

template <typename T>
void MultiplyInPanels(const KernelSet<T>& kernels, Product<T> product) {
  const size_t columns = product.columns;
  // What is left of less than a panel joins the last one.
  for (size_t left = columns; left > 0; left -= product.columns) {
    product.columns = left < 2 * kPanelColumns ? left : kPanelColumns;
    kernels.multiply(product);
    product.b += product.columns;
    product.c += product.columns;
  }
}

template <typename T>
T Scale(const AttentionSizes& sizes) {
  const uint32_t head_width = sizes.width / sizes.heads;  // heads divide the width
  return T{1} / std::sqrt(static_cast<T>(head_width));
}

}  // namespace

// What is kept from forward to backward.
template <typename T>
struct SelfAttention::Kept {
  Kept(std::span<T> saved, size_t batch, const AttentionSizes& sizes) {
    const size_t days = batch * sizes.days;
    maps = saved.data();
    context = maps + days * 3 * sizes.width;
    shares = context + days * sizes.width;
  }
  T* maps;     // [B, T, 3w]: Q, K and V of a day side by side
  T* context;  // [B, T, w]: [P_0 V_0 | P_1 V_1 | ...]
  T* shares;   // [B, heads, T, T]: P
};

// Scratch, of which all but the weights is of one block or one head.
template <typename T>
struct SelfAttention::Buffers {
  Buffers(T* scratch, const AttentionSizes& sizes) {
    const size_t w = sizes.width;
    const size_t days = BlockSamples(sizes) * sizes.days;
    const auto take = [&scratch, this](size_t elements) {
      T* const taken = scratch;
      const size_t padded = PaddedLanes(elements) + kLaneMultiple;
      if (scratch != nullptr) scratch += padded;
      elements_used += padded;
      return taken;
    };
    weights = take(std::max(w * MapStride(w), 3 * w * w));
    output_weight = take(w * PaddedLanes(w));
    transposed = take(w / sizes.heads * PaddedLanes(sizes.days));
    d_context = take(days * w);
    d_maps = take(days * 3 * w);
    d_shares = take(size_t{sizes.days} * sizes.days);
    d_weights = take(3 * w * w);
    d_output_weight = take(w * w);
  }
  T* weights;        // forward [w, MapStride]: [Wq^T | Wk^T | Wv^T]; backward [3w, w]: one below
                     // the other
  T* output_weight;  // [w, PaddedLanes(w)]: Wo^T; backward Wo
  T* transposed;     // [c, PaddedLanes(T)]: K_h^T or V_h^T
  // Gradients: of a block, of a head, and of the weights, summed over the blocks.
  T* d_context;        // [days, w]
  T* d_maps;           // [days, 3w]
  T* d_shares;         // [T, T]
  T* d_weights;        // [3w, w]
  T* d_output_weight;  // [w, w]
  size_t elements_used = 0;
};

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

uint64_t SelfAttention::ScratchElements(uint32_t /*batch*/) const {
  return Buffers<float>(nullptr, sizes_).elements_used;
}

// The context of a sample from its maps: scores, shares and their product with V, head by head.
template <typename T>
void SelfAttention::Attend(const KernelSet<T>& kernels, const Kept<T>& kept, size_t sample,
                           T* transposed) const {
  const size_t days = sizes_.days;
  const size_t w = sizes_.width;
  const size_t c = w / sizes_.heads;
  const size_t padded = PaddedLanes(days);
  for (size_t h = 0; h < sizes_.heads; ++h) {
    const T* query = kept.maps + sample * days * 3 * w + h * c;
    const T* value = query + 2 * w;
    T* shares = kept.shares + (sample * sizes_.heads + h) * days * days;
    Transpose(kernels, query + w, 3 * w, days, c, transposed, padded);
    kernels.multiply({.a = query,
                      .a_row = 3 * w,
                      .a_step = 1,
                      .b = transposed,
                      .b_step = padded,
                      .c = shares,
                      .c_row = days,
                      .rows = days,
                      .columns = days,
                      .inner = c});
    kernels.softmax(shares, days, days, Scale<T>(sizes_));
    kernels.multiply({.a = shares,
                      .a_row = days,
                      .a_step = 1,
                      .b = value,
                      .b_step = 3 * w,
                      .c = kept.context + sample * days * w + h * c,
                      .c_row = w,
                      .rows = days,
                      .columns = c,
                      .inner = days});
  }
}

template <typename T>
void SelfAttention::Run(Frame<T>& frame) const {
  const KernelSet<T>& kernels = frame.kernels();
  const size_t w = sizes_.width;
  const Kept<T> kept(frame.Saved(), frame.batch(), sizes_);
  const Buffers<T> buffers(frame.Scratch().data(), sizes_);
  const ParameterId maps[] = {weights_.query, weights_.key, weights_.value};
  for (size_t part = 0; part < 3; ++part) {
    Transpose(kernels, frame.Parameter(maps[part]).data(), w, w, w, buffers.weights + part * w,
              MapStride(w));
  }
  Transpose(kernels, frame.Parameter(weights_.output).data(), w, w, w, buffers.output_weight,
            PaddedLanes(w));
  const T* x = frame.Value(inputs()[0]).data();
  T* y = frame.MutableValue(output()).data();
  for (size_t first = 0; first < frame.batch(); first += BlockSamples(sizes_)) {
    const size_t end = std::min<size_t>(frame.batch(), first + BlockSamples(sizes_));
    const size_t day = first * sizes_.days;
    const size_t days = (end - first) * sizes_.days;
    MultiplyInPanels<T>(kernels, {.a = x + day * w,
                                  .a_row = w,
                                  .a_step = 1,
                                  .b = buffers.weights,
                                  .b_step = MapStride(w),
                                  .c = kept.maps + day * 3 * w,
                                  .c_row = 3 * w,
                                  .rows = days,
                                  .columns = 3 * w,
                                  .inner = w});
    for (size_t sample = first; sample < end; ++sample) {
      Attend(kernels, kept, sample, buffers.transposed);
    }
    MultiplyInPanels<T>(kernels, {.a = kept.context + day * w,
                                  .a_row = w,
                                  .a_step = 1,
                                  .b = buffers.output_weight,
                                  .b_step = PaddedLanes(w),
                                  .c = y + day * w,
                                  .c_row = w,
                                  .rows = days,
                                  .columns = w,
                                  .inner = w});
  }
}

// From a sample's d_context, d_maps; both of the block whose first sample is `first`.
template <typename T>
void SelfAttention::AttendBackward(const KernelSet<T>& kernels, const Kept<T>& kept, size_t first,
                                   size_t sample, const Buffers<T>& buffers) const {
  const size_t days = sizes_.days;
  const size_t w = sizes_.width;
  const size_t c = w / sizes_.heads;
  const size_t padded = PaddedLanes(days);
  // product(A, columns of A's rows, A transposed, B, C): inner extents are all T but one.
  const auto multiply = [&](const T* a, size_t a_row, size_t a_step, const T* b, size_t b_step,
                            T* to, size_t to_row, size_t columns, size_t inner) {
    kernels.multiply({.a = a,
                      .a_row = a_row,
                      .a_step = a_step,
                      .b = b,
                      .b_step = b_step,
                      .c = to,
                      .c_row = to_row,
                      .rows = days,
                      .columns = columns,
                      .inner = inner});
  };
  for (size_t h = 0; h < sizes_.heads; ++h) {
    const T* query = kept.maps + sample * days * 3 * w + h * c;
    const T* key = query + w;
    const T* value = key + w;
    const T* shares = kept.shares + (sample * sizes_.heads + h) * days * days;
    const T* d_context = buffers.d_context + (sample - first) * days * w + h * c;
    T* d_query = buffers.d_maps + (sample - first) * days * 3 * w + h * c;
    T* d_key = d_query + w;
    T* d_value = d_key + w;
    multiply(shares, 1, days, d_context, w, d_value, 3 * w, c, days);  // dV = P^T dC
    Transpose(kernels, value, 3 * w, days, c, buffers.transposed, padded);
    multiply(d_context, w, 1, buffers.transposed, padded, buffers.d_shares, days, days, c);
    kernels.softmax_backward(shares, days, days, Scale<T>(sizes_), buffers.d_shares);
    multiply(buffers.d_shares, days, 1, key, 3 * w, d_query, 3 * w, c, days);  // dQ = dS K
    multiply(buffers.d_shares, 1, days, query, 3 * w, d_key, 3 * w, c, days);  // dK = dS^T Q
  }
}

// The gradients of a block: of its samples' input, and added to those of the weights.
template <typename T>
void SelfAttention::BlockBackward(Frame<T>& frame, const Kept<T>& kept, size_t first, size_t end,
                                  const Buffers<T>& buffers) const {
  const KernelSet<T>& kernels = frame.kernels();
  const size_t w = sizes_.width;
  const size_t day = first * sizes_.days;
  const size_t days = (end - first) * sizes_.days;
  const T* x = frame.Value(inputs()[0]).data() + day * w;
  const T* dy = frame.Gradient(output()).data() + day * w;
  MultiplyInPanels<T>(kernels, {.a = dy,
                                .a_row = w,
                                .a_step = 1,
                                .b = buffers.output_weight,
                                .b_step = w,
                                .c = buffers.d_context,
                                .c_row = w,
                                .rows = days,
                                .columns = w,
                                .inner = w});
  for (size_t sample = first; sample < end; ++sample) {
    AttendBackward(kernels, kept, first, sample, buffers);
  }
  if (frame.HasGradient(inputs()[0])) {
    MultiplyInPanels<T>(kernels, {.a = buffers.d_maps,
                                  .a_row = 3 * w,
                                  .a_step = 1,
                                  .b = buffers.weights,
                                  .b_step = w,
                                  .c = frame.Gradient(inputs()[0]).data() + day * w,
                                  .c_row = w,
                                  .rows = days,
                                  .columns = w,
                                  .inner = 3 * w,
                                  .start = ProductStart::kAdd});
  }
  // dW += gradient^T input, of all maps at once.
  const auto add_weights = [&](const T* gradient, size_t outputs, const T* input, T* to) {
    MultiplyInPanels<T>(kernels, {.a = gradient,
                                  .a_row = 1,
                                  .a_step = outputs,
                                  .b = input,
                                  .b_step = w,
                                  .c = to,
                                  .c_row = w,
                                  .rows = outputs,
                                  .columns = w,
                                  .inner = days,
                                  .start = ProductStart::kAdd});
  };
  add_weights(buffers.d_maps, 3 * w, x, buffers.d_weights);
  add_weights(dy, w, kept.context + day * w, buffers.d_output_weight);
}

template <typename T>
void SelfAttention::Differentiate(Frame<T>& frame) const {
  const size_t square = size_t{sizes_.width} * sizes_.width;
  const Kept<T> kept(frame.Saved(), frame.batch(), sizes_);
  const Buffers<T> buffers(frame.Scratch().data(), sizes_);
  const ParameterId maps[] = {weights_.query, weights_.key, weights_.value};
  for (size_t part = 0; part < 3; ++part) {
    std::ranges::copy(frame.Parameter(maps[part]), buffers.weights + part * square);
  }
  std::ranges::copy(frame.Parameter(weights_.output), buffers.output_weight);
  std::fill_n(buffers.d_weights, 3 * square, T{0});
  std::fill_n(buffers.d_output_weight, square, T{0});
  for (size_t first = 0; first < frame.batch(); first += BlockSamples(sizes_)) {
    const size_t end = std::min<size_t>(frame.batch(), first + BlockSamples(sizes_));
    BlockBackward(frame, kept, first, end, buffers);
  }
  frame.AwaitTurn(0, kOpSteps);
  const auto add = [&](ParameterId weight, const T* gradient) {
    for (T& to : frame.ParameterGradient(weight)) to += *gradient++;
  };
  for (size_t part = 0; part < 3; ++part) add(maps[part], buffers.d_weights + part * square);
  add(weights_.output, buffers.d_output_weight);
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
