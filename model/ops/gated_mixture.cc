#include "model/ops/gated_mixture.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "glog/logging.h"

namespace caravan::model {

GatedMixture::GatedMixture(std::string name, ValueId gates, ValueId experts, ValueId output,
                           GateChoices choices, uint32_t expert_count, uint32_t width)
    : TypedOp(std::move(name), {gates, experts}, output),
      choices_(std::move(choices)),
      experts_(expert_count),
      width_(width) {}

FlopCount GatedMixture::CountFlops(uint32_t batch) const {
  const double forward = 2.0 * batch * static_cast<double>(choices_.size()) * GateWidth() * width_;
  return {forward, 2 * forward};
}

// g: [B, m, g].
uint64_t GatedMixture::SavedElements(uint32_t batch) const {
  return uint64_t{batch} * choices_.size() * GateWidth();
}

uint64_t GatedMixture::ScratchElements(uint32_t batch) const { return SavedElements(batch); }

template <typename T>
void GatedMixture::Run(Frame<T>& frame) const {
  const std::span<T> shares = frame.Saved();
  std::ranges::copy(frame.Value(inputs()[0]), shares.begin());
  frame.kernels().softmax(shares.data(), shares.size() / GateWidth(), GateWidth(), T{1});
  const T* experts = frame.Value(inputs()[1]).data();
  const std::span<T> y = frame.MutableValue(output());
  std::ranges::fill(y, T{0});
  const T* share = shares.data();
  T* mixed = y.data();
  for (uint32_t b = 0; b < frame.batch(); ++b, experts += size_t{experts_} * width_) {
    for (const std::vector<uint32_t>& chosen : choices_) {
      for (const uint32_t expert : chosen) {
        const T* from = experts + size_t{expert} * width_;
        for (uint32_t i = 0; i < width_; ++i) mixed[i] += *share * from[i];
        ++share;
      }
      mixed += width_;
    }
  }
}

template <typename T>
void GatedMixture::Differentiate(Frame<T>& frame) const {
  const std::span<const T> shares = frame.Saved();
  const std::span<T> d_shares = frame.Scratch();
  const T* experts = frame.Value(inputs()[1]).data();
  T* d_experts = frame.Gradient(inputs()[1]).data();
  const T* dy = frame.Gradient(output()).data();
  size_t at = 0;  // of shares
  for (uint32_t b = 0; b < frame.batch(); ++b) {
    for (const std::vector<uint32_t>& chosen : choices_) {
      for (const uint32_t expert : chosen) {
        const size_t from = (size_t{b} * experts_ + expert) * width_;
        T product = 0;
        for (uint32_t i = 0; i < width_; ++i) {
          product += dy[i] * experts[from + i];
          d_experts[from + i] += shares[at] * dy[i];
        }
        d_shares[at] = product;
        ++at;
      }
      dy += width_;
    }
  }
  frame.kernels().softmax_backward(shares.data(), shares.size() / GateWidth(), GateWidth(), T{1},
                                   d_shares.data());
  const std::span<T> dz = frame.Gradient(inputs()[0]);
  for (size_t i = 0; i < dz.size(); ++i) dz[i] += d_shares[i];
}

ValueId AddGatedMixture(Graph& graph, const std::string& name, ValueId gates, ValueId experts,
                        GateChoices choices) {
  const Shape expert_shape = graph.value(experts).shape;
  CHECK_EQ(expert_shape.size(), 2U) << name;
  CHECK_EQ(choices.size(), graph.tasks().size()) << name;
  CHECK(graph.value(gates).has_gradient && graph.value(experts).has_gradient) << name;
  for (const std::vector<uint32_t>& chosen : choices) {
    CHECK_EQ(chosen.size(), choices[0].size()) << name;
    for (const uint32_t expert : chosen) CHECK_LT(expert, expert_shape[0]) << name;
  }
  CHECK_EQ(graph.value(gates).elements, choices.size() * choices[0].size()) << name;
  const auto tasks = static_cast<uint32_t>(choices.size());
  const ValueId output = graph.AddValue(name, {tasks, expert_shape[1]}, true);
  graph.AddOp(std::make_unique<GatedMixture>(name, gates, experts, output, std::move(choices),
                                             expert_shape[0], expert_shape[1]));
  return output;
}

}  // namespace caravan::model
