#include "model/ops/meta_layer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "fmt/format.h"
#include "glog/logging.h"
#include "model/gemm.h"
#include "model/initializers.h"
#include "model/leaky_relu.h"

namespace caravan::model {
namespace {

// Elements of W held at a time: what stays in the second-level cache beside the rest.
constexpr size_t kTileElements = 128 * 1024;
// Samples of a tile at most: enough for well-shaped products, few enough to leave room for rows of
// W.
constexpr size_t kTileSamples = 64;

}  // namespace

// Rows [first_row, first_row + rows) of W for samples [first_sample, first_sample + samples).
template <typename T>
struct MetaLayer::Tile {
  size_t first_sample;
  size_t samples;
  size_t first_row;
  size_t rows;
  T* weights;  // [samples, rows, n]
};

MetaLayer::MetaLayer(std::string name, ValueId input, ValueId scenario, ValueId output,
                     MetaSizes sizes, std::vector<MetaWeights> groups)
    : TypedOp(std::move(name), {input, scenario}, output),
      sizes_(sizes),
      groups_(std::move(groups)) {}

FlopCount MetaLayer::CountFlops(uint32_t batch) const {
  const double samples = static_cast<double>(batch) * static_cast<double>(groups_.size());
  const double n = sizes_.width;
  const double generate = 2 * samples * (n * n + n) * sizes_.scenario;
  const double apply = 2 * samples * sizes_.rows * n * n;
  // Backward makes W again, and has two products for each of generate and apply.
  return {generate + apply, 3 * generate + 2 * apply};
}

size_t MetaLayer::TileRows(size_t samples) const {
  const size_t rows = kTileElements / (samples * sizes_.width);
  return std::clamp<size_t>(rows, 1, sizes_.width);
}

uint64_t MetaLayer::ScratchElements(uint32_t batch) const {
  // The last tile of samples may be smaller and so have more rows of W: never more elements.
  const size_t samples = std::min<size_t>(batch, kTileSamples);
  const size_t n = sizes_.width;
  const size_t weights = std::max(std::min(kTileElements, samples * n * n), samples * n);
  return weights + size_t{batch} * n;
}

template <typename T, typename Visit>
void MetaLayer::ForEachTile(size_t batch, T* weights, const Visit& visit) const {
  for (size_t b = 0; b < batch; b += kTileSamples) {
    const size_t samples = std::min(kTileSamples, batch - b);
    const size_t tile_rows = TileRows(samples);
    for (size_t row = 0; row < sizes_.width; row += tile_rows) {
      visit(Tile<T>{b, samples, row, std::min<size_t>(tile_rows, sizes_.width - row), weights});
    }
  }
}

// W = V_w S + v_w of the tile.
template <typename T>
void MetaLayer::Generate(Frame<T>& frame, const MetaWeights& weights, const Tile<T>& tile) const {
  const size_t elements = tile.rows * sizes_.width;
  const size_t first = tile.first_row * sizes_.width;
  const T* start = frame.Parameter(weights.weight_start).data() + first;
  const T* scenario = frame.Value(inputs()[1]).data() + tile.first_sample * size_t{sizes_.scenario};
  const T* map = frame.Parameter(weights.weight_map).data() + first * sizes_.scenario;
  Gemm(T{1}, Matrix<const T>(scenario, tile.samples, sizes_.scenario),
       Matrix<const T>(map, elements, sizes_.scenario).Transposed(), T{0},
       Matrix<T>(tile.weights, tile.samples, elements));
  for (size_t b = 0; b < tile.samples; ++b) {
    T* w = tile.weights + b * elements;
    for (size_t i = 0; i < elements; ++i) w[i] += start[i];
  }
}

// W holds dW: its part in the gradients of V_w, v_w and S.
template <typename T>
void MetaLayer::GenerateBackward(Frame<T>& frame, const MetaWeights& weights,
                                 const Tile<T>& tile) const {
  const size_t elements = tile.rows * sizes_.width;
  const size_t first = tile.first_row * sizes_.width;
  const size_t scenario_at = tile.first_sample * size_t{sizes_.scenario};
  const Matrix<const T> d_weights(tile.weights, tile.samples, elements);
  const Matrix<const T> scenario(frame.Value(inputs()[1]).data() + scenario_at, tile.samples,
                                 sizes_.scenario);
  const Matrix<const T> map(frame.Parameter(weights.weight_map).data() + first * sizes_.scenario,
                            elements, sizes_.scenario);
  T* d_map = frame.ParameterGradient(weights.weight_map).data() + first * sizes_.scenario;
  Gemm(T{1}, d_weights.Transposed(), scenario, T{1}, Matrix<T>(d_map, elements, sizes_.scenario));
  Gemm(T{1}, d_weights, map, T{1},
       Matrix<T>(frame.Gradient(inputs()[1]).data() + scenario_at, tile.samples, sizes_.scenario));
  T* d_start = frame.ParameterGradient(weights.weight_start).data() + first;
  for (size_t b = 0; b < tile.samples; ++b) {
    const T* dw = tile.weights + b * elements;
    for (size_t i = 0; i < elements; ++i) d_start[i] += dw[i];
  }
}

// Columns [first_row, + rows) of a group's rows in a value [B, G, R, n].
template <typename T>
Matrix<T> MetaLayer::RowsOf(T* data, size_t sample, size_t group, size_t first_row,
                            size_t rows) const {
  const size_t n = sizes_.width;
  return {data + (sample * groups_.size() + group) * sizes_.rows * n + first_row, sizes_.rows, rows,
          n};
}

template <typename T>
void MetaLayer::Run(Frame<T>& frame) const {
  const size_t n = sizes_.width;
  const T* h = frame.Value(inputs()[0]).data();
  const std::span<T> y = frame.MutableValue(output());
  T* const bias = frame.Scratch().data();
  T* const tile_weights = bias + frame.batch() * n;
  const Matrix<const T> scenario(frame.Value(inputs()[1]).data(), frame.batch(), sizes_.scenario);
  for (size_t g = 0; g < groups_.size(); ++g) {
    const MetaWeights& weights = groups_[g];
    const Matrix<const T> bias_map(frame.Parameter(weights.bias_map).data(), n, sizes_.scenario);
    const T* bias_start = frame.Parameter(weights.bias_start).data();
    Gemm(T{1}, scenario, bias_map.Transposed(), T{0}, Matrix<T>(bias, frame.batch(), n));
    ForEachTile(frame.batch(), tile_weights, [&](const Tile<T>& tile) {
      Generate(frame, weights, tile);
      for (size_t b = 0; b < tile.samples; ++b) {
        const size_t sample = tile.first_sample + b;
        const Matrix<const T> w(tile.weights + b * tile.rows * n, tile.rows, n);
        Gemm(T{1}, RowsOf(h, sample, g, 0, n), w.Transposed(), T{0},
             RowsOf(y.data(), sample, g, tile.first_row, tile.rows));
      }
    });
    for (size_t b = 0; b < frame.batch(); ++b) {
      const Matrix<T> rows = RowsOf(y.data(), b, g, 0, n);
      for (size_t r = 0; r < rows.rows; ++r) {
        for (size_t i = 0; i < n; ++i) rows.data[r * n + i] += bias[b * n + i] + bias_start[i];
      }
    }
  }
  LeakyRelu(static_cast<T>(sizes_.slope), y);
}

// db = sum of dz over a sample's rows; its part in the gradients of V_b, v_b and S.
template <typename T>
void MetaLayer::BiasBackward(Frame<T>& frame, size_t group, T* d_bias) const {
  const size_t n = sizes_.width;
  const MetaWeights& weights = groups_[group];
  const T* dz = frame.Gradient(output()).data();
  T* d_start = frame.ParameterGradient(weights.bias_start).data();
  std::fill_n(d_bias, frame.batch() * n, T{0});
  for (size_t b = 0; b < frame.batch(); ++b) {
    const Matrix<const T> rows = RowsOf(dz, b, group, 0, n);
    for (size_t r = 0; r < rows.rows; ++r) {
      for (size_t i = 0; i < n; ++i) d_bias[b * n + i] += rows.data[r * n + i];
    }
    for (size_t i = 0; i < n; ++i) d_start[i] += d_bias[b * n + i];
  }
  const Matrix<const T> d(d_bias, frame.batch(), n);
  Gemm(T{1}, d.Transposed(),
       Matrix<const T>(frame.Value(inputs()[1]).data(), frame.batch(), sizes_.scenario), T{1},
       Matrix<T>(frame.ParameterGradient(weights.bias_map).data(), n, sizes_.scenario));
  Gemm(T{1}, d, Matrix<const T>(frame.Parameter(weights.bias_map).data(), n, sizes_.scenario), T{1},
       Matrix<T>(frame.Gradient(inputs()[1]).data(), frame.batch(), sizes_.scenario));
}

template <typename T>
void MetaLayer::Differentiate(Frame<T>& frame) const {
  const size_t n = sizes_.width;
  const T* h = frame.Value(inputs()[0]).data();
  T* dh = frame.Gradient(inputs()[0]).data();
  LeakyReluBackward(static_cast<T>(sizes_.slope), frame.Value(output()), frame.Gradient(output()));
  const T* dz = frame.Gradient(output()).data();
  T* const d_bias = frame.Scratch().data();
  T* const tile_weights = d_bias + frame.batch() * n;
  for (size_t g = 0; g < groups_.size(); ++g) {
    BiasBackward(frame, g, d_bias);
    ForEachTile(frame.batch(), tile_weights, [&](const Tile<T>& tile) {
      Generate(frame, groups_[g], tile);
      for (size_t b = 0; b < tile.samples; ++b) {
        const size_t sample = tile.first_sample + b;
        const Matrix<const T> d = RowsOf(dz, sample, g, tile.first_row, tile.rows);
        T* w = tile.weights + b * tile.rows * n;
        Gemm(T{1}, d, Matrix<const T>(w, tile.rows, n), T{1}, RowsOf(dh, sample, g, 0, n));
        // W has served: its place takes dW = dz^T h.
        Gemm(T{1}, d.Transposed(), RowsOf(h, sample, g, 0, n), T{0}, Matrix<T>(w, tile.rows, n));
      }
      GenerateBackward(frame, groups_[g], tile);
    });
  }
}

ValueId AddMetaLayer(Graph& graph, const std::string& name, ValueId input, ValueId scenario,
                     const MetaOptions& options) {
  const Shape shape = graph.value(input).shape;
  CHECK(graph.value(input).per_sample && graph.value(input).has_gradient) << name;
  CHECK(graph.value(scenario).per_sample && graph.value(scenario).has_gradient) << name;
  const uint32_t n = shape.back();
  MetaSizes sizes;
  sizes.width = n;
  sizes.scenario = static_cast<uint32_t>(graph.value(scenario).elements);
  sizes.slope = options.slope;
  const std::vector<std::string> groups =
      options.groups.empty() ? std::vector<std::string>{""} : options.groups;
  const auto group_rows = static_cast<uint32_t>(graph.value(input).elements / n);
  CHECK_EQ(group_rows % groups.size(), 0U) << name;
  sizes.rows = group_rows / static_cast<uint32_t>(groups.size());

  // v_w has half the variance of He's layer, V_w S the other half.
  const double start = std::sqrt(1.0 / n);
  const double map = start / (std::sqrt(1.0 * sizes.scenario) * options.scenario_size);
  std::vector<MetaWeights> weights;
  for (const std::string& group : groups) {
    const std::string prefix = group.empty() ? name : fmt::format("{}.{}", name, group);
    MetaWeights& one = weights.emplace_back();
    one.weight_map =
        graph.AddParameter(prefix + ".V_w", {n * n, sizes.scenario}, NormalInitializer(map), true);
    one.weight_start =
        graph.AddParameter(prefix + ".v_w", {n * n}, NormalInitializer(start), false);
    one.bias_map = graph.AddParameter(prefix + ".V_b", {n, sizes.scenario},
                                      NormalInitializer(kMetaBiasDeviation), true);
    one.bias_start = graph.AddParameter(prefix + ".v_b", {n}, ConstantInitializer(0), false);
  }
  const ValueId output = graph.AddValue(name, shape, true);
  graph.AddOp(
      std::make_unique<MetaLayer>(name, input, scenario, output, sizes, std::move(weights)));
  return output;
}

}  // namespace caravan::model
