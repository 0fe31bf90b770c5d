#include "model/ops/cross_stitch.h"

#include <memory>
#include <utility>

#include "glog/logging.h"
#include "model/gemm.h"
#include "model/initializers.h"

namespace caravan::model {

CrossStitch::CrossStitch(std::string name, ValueId input, ValueId output, ParameterId change,
                         uint32_t tasks, uint32_t width)
    : TypedOp(std::move(name), {input}, output), change_(change), tasks_(tasks), width_(width) {}

FlopCount CrossStitch::CountFlops(uint32_t batch) const {
  const double forward = 2.0 * batch * tasks_ * tasks_ * width_;
  return {forward, 2 * forward};
}

uint64_t CrossStitch::ScratchElements(uint32_t /*batch*/) const {
  return uint64_t{tasks_} * tasks_;
}

double CrossStitch::Start(uint32_t to, uint32_t from) const {
  if (tasks_ == 1) return 1;
  return to == from ? 0.9 : 0.1 / (tasks_ - 1);
}

template <typename T>
void CrossStitch::FillStitches(Frame<T>& frame, std::span<T> stitches) const {
  const std::span<const T> change = frame.Parameter(change_);
  for (uint32_t to = 0; to < tasks_; ++to) {
    for (uint32_t from = 0; from < tasks_; ++from) {
      const size_t at = size_t{to} * tasks_ + from;
      stitches[at] = static_cast<T>(Start(to, from)) + change[at];
    }
  }
}

template <typename T>
void CrossStitch::Run(Frame<T>& frame) const {
  FillStitches(frame, frame.Scratch());
  const Matrix<const T> stitches(frame.Scratch().data(), tasks_, tasks_);
  const size_t sample = size_t{tasks_} * width_;
  const T* x = frame.Value(inputs()[0]).data();
  T* y = frame.MutableValue(output()).data();
  for (uint32_t b = 0; b < frame.batch(); ++b, x += sample, y += sample) {
    Gemm(T{1}, stitches, Matrix<const T>(x, tasks_, width_), T{0}, Matrix<T>(y, tasks_, width_));
  }
}

template <typename T>
void CrossStitch::Differentiate(Frame<T>& frame) const {
  FillStitches(frame, frame.Scratch());
  const Matrix<const T> stitches(frame.Scratch().data(), tasks_, tasks_);
  const Matrix<T> d_change(frame.ParameterGradient(change_).data(), tasks_, tasks_);
  const size_t sample = size_t{tasks_} * width_;
  const T* x = frame.Value(inputs()[0]).data();
  T* dx = frame.Gradient(inputs()[0]).data();
  const T* dy = frame.Gradient(output()).data();
  for (uint32_t b = 0; b < frame.batch(); ++b, x += sample, dx += sample, dy += sample) {
    const Matrix<const T> d_out(dy, tasks_, width_);
    Gemm(T{1}, d_out, Matrix<const T>(x, tasks_, width_).Transposed(), T{1}, d_change);
    Gemm(T{1}, stitches.Transposed(), d_out, T{1}, Matrix<T>(dx, tasks_, width_));
  }
}

ValueId AddCrossStitch(Graph& graph, const std::string& name, ValueId input) {
  const Shape shape = graph.value(input).shape;
  CHECK_EQ(shape.size(), 2U) << name;
  CHECK(graph.value(input).per_sample && graph.value(input).has_gradient) << name;
  const ParameterId change =
      graph.AddParameter(name + ".change", {shape[0], shape[0]}, ConstantInitializer(0), false);
  const ValueId output = graph.AddValue(name, shape, true);
  graph.AddOp(std::make_unique<CrossStitch>(name, input, output, change, shape[0], shape[1]));
  return output;
}

}  // namespace caravan::model
