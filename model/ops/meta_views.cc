// The half of the layer of pairs that is the same for all samples.
#include <algorithm>
#include <span>

#include "model/gemm.h"
#include "model/ops/meta_layer.h"

namespace caravan::model {
namespace {

template <typename T>
void AddTo(std::span<const T> from, std::span<T> to) {
  for (size_t i = 0; i < from.size(); ++i) to[i] += from[i];
}

// V_w of an output and the columns that T meets: [e, s].
template <typename T>
Matrix<T> MapRows(T* weight_map, size_t output, const MetaSizes& sizes) {
  const size_t extent = sizes.width - sizes.input;
  return {weight_map + (output * sizes.width + sizes.input) * sizes.scenario, extent,
          sizes.scenario};
}

}  // namespace

// P_t = V_b + sum_j V_w[., j] T_tj and p_t likewise, of the group's views.
template <typename T>
void MetaLayer::FormViewMaps(Frame<T>& frame, size_t group) const {
  const size_t n = sizes_.width;
  const size_t extent = n - sizes_.input;
  const size_t elements = n * sizes_.scenario;
  const Matrix<const T> views(frame.Value(inputs()[2]).data() + group * sizes_.views * extent,
                              sizes_.views, extent);
  T* maps = frame.Saved().data() + group * sizes_.views * elements;
  T* starts =
      frame.Saved().data() + groups_.size() * sizes_.views * elements + group * sizes_.views * n;
  for (size_t v = 0; v < sizes_.views; ++v) {
    std::ranges::copy(frame.Parameter(groups_[group].bias_map), maps + v * elements);
    std::ranges::copy(frame.Parameter(groups_[group].bias_start), starts + v * n);
  }
  const T* map = frame.Parameter(groups_[group].weight_map).data();
  for (size_t i = 0; i < n; ++i) {
    frame.kernels().gemm(
        T{1}, views, MapRows(map, i, sizes_), T{1},
        Matrix<T>(maps + i * sizes_.scenario, sizes_.views, sizes_.scenario, elements));
  }
  const T* start = frame.Parameter(groups_[group].weight_start).data();
  frame.kernels().gemm(T{1}, views,
                       Matrix<const T>(start + sizes_.input, n, extent, n).Transposed(), T{1},
                       Matrix<T>(starts, sizes_.views, n));
}

// From dP and dp of the group's views, those of V_b, v_b, T and the columns of V_w and v_w that T
// meets.
template <typename T>
void MetaLayer::ViewMapsBackward(Frame<T>& frame, size_t group, const T* d_maps,
                                 const T* d_starts) const {
  const MetaWeights& weights = groups_[group];
  const size_t n = sizes_.width;
  const size_t extent = n - sizes_.input;
  const size_t elements = n * sizes_.scenario;
  const size_t first_view = group * sizes_.views;
  const Matrix<const T> views(frame.Value(inputs()[2]).data() + first_view * extent, sizes_.views,
                              extent);
  const Matrix<T> d_views(frame.Gradient(inputs()[2]).data() + first_view * extent, sizes_.views,
                          extent);
  for (size_t v = 0; v < sizes_.views; ++v) {
    AddTo<T>({d_maps + v * elements, elements}, frame.ParameterGradient(weights.bias_map));
    AddTo<T>({d_starts + v * n, n}, frame.ParameterGradient(weights.bias_start));
  }
  const T* map = frame.Parameter(weights.weight_map).data();
  T* d_map = frame.ParameterGradient(weights.weight_map).data();
  const T beta = frame.first_part() ? T{0} : T{1};
  for (size_t i = 0; i < n; ++i) {
    const Matrix<const T> d_rows(d_maps + i * sizes_.scenario, sizes_.views, sizes_.scenario,
                                 elements);
    frame.kernels().gemm(T{1}, views.Transposed(), d_rows, beta, MapRows(d_map, i, sizes_));
    frame.kernels().gemm(T{1}, d_rows, MapRows(map, i, sizes_).Transposed(), T{1}, d_views);
  }
  const T* start = frame.Parameter(weights.weight_start).data() + sizes_.input;
  T* d_start = frame.ParameterGradient(weights.weight_start).data() + sizes_.input;
  const Matrix<const T> d_rows(d_starts, sizes_.views, n);
  frame.kernels().gemm(T{1}, d_rows.Transposed(), views, T{1}, Matrix<T>(d_start, n, extent, n));
  frame.kernels().gemm(T{1}, d_rows, Matrix<const T>(start, n, extent, n), T{1}, d_views);
}

template void MetaLayer::FormViewMaps(Frame<float>&, size_t) const;
template void MetaLayer::FormViewMaps(Frame<double>&, size_t) const;
template void MetaLayer::ViewMapsBackward(Frame<float>&, size_t, const float*, const float*) const;
template void MetaLayer::ViewMapsBackward(Frame<double>&, size_t, const double*,
                                          const double*) const;

}  // namespace caravan::model
