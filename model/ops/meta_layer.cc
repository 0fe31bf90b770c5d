#include "model/ops/meta_layer.h"

#include <algorithm>
#include <utility>

#include "model/leaky_relu.h"
#include "model/ops/lane_rows.h"

namespace caravan::model {
namespace {

// Parts of a buffer one behind the other. Without a buffer it only counts.
template <typename T>
class Carver {
 public:
  explicit Carver(std::span<T> buffer = {}) : buffer_(buffer) {}
  T* Take(size_t elements) {
    T* taken = buffer_.empty() ? nullptr : &buffer_[used_];
    used_ += PaddedLanes(elements);
    return taken;
  }
  size_t used() const { return used_; }
  std::span<T> rest() const { return buffer_.subspan(used_); }

 private:
  std::span<T> buffer_;
  size_t used_ = 0;
};

}  // namespace

// What one call holds: arrays of lanes in the op's scratch.
template <typename T>
struct MetaLayer::Pass {
  // `slots`: depth * stride of the lanes.
  Pass(const MetaSizes& sizes, size_t slots, Carver<T>& carver) {
    const size_t n = sizes.width;
    const size_t column = LaneLayout::ColumnElementsMax(sizes.rows * slots);
    h = carver.Take(sizes.input * column);
    dh = carver.Take(sizes.input * column);
    z = carver.Take(n * column);
    view = carver.Take(sizes.views > 1 ? n * column : 0);
    h_rows = carver.Take(sizes.rows == 1 ? PaddedLanes(sizes.input) * (slots + 1) : 0);
    bias = carver.Take(n * slots);
    scenario_lanes = carver.Take(sizes.scenario * slots);
    scenario_rows = carver.Take(PaddedLanes(sizes.scenario) * slots);
    d_scenario_lanes = carver.Take(sizes.scenario * slots);
    d_scenario_rows = carver.Take(PaddedLanes(sizes.scenario) * slots);
    view_maps = carver.Take(sizes.views * n * sizes.scenario);
    view_starts = carver.Take(sizes.views * n);
  }

  Lanes lanes;
  MetaMethod method = MetaMethod::kGenerate;
  LaneLayout input;     // of h and dh
  LaneLayout output;    // of z
  T* h;                 // [input, depth * R]
  T* dh;                // the same
  T* z;                 // [n, depth * R]: W h, or the gradient of it
  T* view;              // the same, of one view, where there are several
  T* h_rows;            // [lanes + 1, PaddedLanes(input)], where factored
  T* bias;              // [n]: of a view, or the gradient of it
  T* scenario_lanes;    // [s]
  T* scenario_rows;     // [lanes, PaddedLanes(s)]
  T* d_scenario_lanes;  // as above
  T* d_scenario_rows;
  T* view_maps;          // [views, n, s]: gradients of P
  T* view_starts;        // [views, n]: of p
  std::span<T> scratch;  // of the products
};

MetaLayer::MetaLayer(std::string name, std::vector<ValueId> inputs, ValueId output, MetaSizes sizes,
                     std::vector<MetaWeights> groups)
    : TypedOp(std::move(name), std::move(inputs), output),
      sizes_(sizes),
      groups_(std::move(groups)) {}

FlopCount MetaLayer::CountFlops(uint32_t batch) const { return CountSharedFlops(batch, batch); }

FlopCount MetaLayer::CountSharedFlops(uint32_t batch, uint32_t distinct) const {
  const double samples = batch;
  const double lanes = sizes_.shares_weights ? distinct : batch;
  const double n = sizes_.width;
  const double s = sizes_.scenario;
  const double map = 2 * n * sizes_.input;
  const double bias = 2 * lanes * n * s * sizes_.views;
  const MetaCosts costs = CostsOf(sizes_.scenario);
  const double rows = samples * sizes_.rows;
  FlopCount one;
  if (sizes_.rows == 1 && rows * costs.factored_row < lanes * costs.lane + rows * costs.row) {
    one = {rows * map * (s + 1) + bias, 2 * rows * map * (s + 1) + 2 * bias};
  } else {
    // Backward makes W again, and has two products for each of generate and apply.
    const double generate = lanes * map * s;
    const double apply = rows * map;
    one = {generate + apply + bias, 3 * generate + 2 * apply + 2 * bias};
  }
  const double views = 2 * sizes_.views * n * (n - sizes_.input) * (s + 1);  // once a batch
  const auto groups = static_cast<double>(groups_.size());
  return {groups * (one.forward + views), groups * (one.backward + 2 * views)};
}

std::vector<ParameterId> MetaLayer::OverwrittenGradients() const {
  std::vector<ParameterId> maps;
  for (const MetaWeights& weights : groups_) maps.push_back(weights.weight_map);
  return maps;
}

uint64_t MetaLayer::SavedElements(uint32_t /*batch*/) const {
  return has_views() ? groups_.size() * sizes_.views * sizes_.width * (sizes_.scenario + 1ULL) : 0;
}

uint64_t MetaLayer::ScratchElements(uint32_t batch) const {
  Carver<float> carver;
  const size_t slots = LanePlan::SlotsMax(batch);
  const Pass<float> pass(sizes_, slots, carver);
  return carver.used() +
         GeneratedScratchElements(sizes_.width, sizes_.input, sizes_.scenario, slots);
}

// The lanes of the batch, the method, and S in the lanes.
template <typename T>
MetaLayer::Pass<T> MetaLayer::Begin(Frame<T>& frame) const {
  LanePlan& plan = frame.lane_plan();
  const MetaCosts costs = CostsOf(sizes_.scenario);
  const size_t depth =
      sizes_.shares_weights ? plan.BestDepth(costs.lane, costs.row * sizes_.rows) : 1;
  const size_t count =
      sizes_.shares_weights ? plan.LanesOfDepth(depth) : PaddedLanes(frame.batch());
  const MetaMethod method = ChooseMethod(sizes_.scenario, sizes_.rows, frame.batch(), count, depth);
  const bool shares = sizes_.shares_weights && method == MetaMethod::kGenerate;
  const Lanes lanes = shares ? plan.Arrange(depth) : plan.OnePerSample();

  Carver<T> carver(frame.Scratch());
  Pass<T> pass(sizes_, lanes.depth * lanes.stride(), carver);
  pass.lanes = lanes;
  pass.method = method;
  const auto layout = [&](size_t width) {
    return method == MetaMethod::kFactor ? LaneLayout::Rows(lanes.stride())
                                         : LaneLayout::Blocked(width, lanes.depth * sizes_.rows);
  };
  pass.input = layout(sizes_.input);
  pass.output = layout(sizes_.width);
  pass.scratch = carver.rest();
  const T* scenario = frame.Value(inputs()[1]).data();
  const size_t s = sizes_.scenario;
  const size_t padded = PaddedLanes(s);
  std::fill_n(pass.scenario_rows, lanes.count * padded, T{0});
  for (size_t l = 0; l < lanes.count; ++l) {
    const uint32_t sample = lanes.first_sample(l);
    if (sample != kNoSample) std::copy_n(scenario + sample * s, s, pass.scenario_rows + l * padded);
    for (size_t c = 0; c < s; ++c) {
      pass.scenario_lanes[c * lanes.stride() + l] = pass.scenario_rows[l * padded + c];
    }
  }
  return pass;
}

template <typename T>
GeneratedMap<T> MetaLayer::MapOf(Frame<T>& frame, const Pass<T>& pass, size_t group) const {
  return {.kernels = &frame.kernels(),
          .method = pass.method,
          .outputs = sizes_.width,
          .columns = sizes_.input,
          .width = sizes_.width,
          .scenario = sizes_.scenario,
          .slots = sizes_.rows * pass.lanes.depth,
          .lanes = pass.lanes.count,
          .lane_stride = pass.lanes.stride(),
          .weight_map = frame.Parameter(groups_[group].weight_map).data(),
          .weight_start = frame.Parameter(groups_[group].weight_start).data(),
          .scenario_lanes = pass.scenario_lanes,
          .scenario_rows = pass.scenario_rows};
}

// The rows of h that a group takes.
SampleRows MetaLayer::InputRows(size_t group) const {
  const size_t rows = sizes_.rows;
  if (sizes_.shares_input) return {rows, 0, rows, sizes_.input};
  return {groups_.size() * rows, group * rows, rows, sizes_.input};
}

SampleRows MetaLayer::OutputRows(size_t group, size_t view) const {
  const size_t rows = sizes_.rows;
  const size_t block = group * sizes_.views + view;
  return {groups_.size() * sizes_.views * rows, block * rows, rows, sizes_.width};
}

// Where the bias of a view comes from: P and p, or V_b and v_b themselves.
template <typename T>
MetaLayer::BiasMap<T> MetaLayer::BiasOf(Frame<T>& frame, size_t group, size_t view) const {
  if (!has_views()) {
    return {frame.Parameter(groups_[group].bias_map).data(),
            frame.Parameter(groups_[group].bias_start).data()};
  }
  const size_t elements = size_t{sizes_.width} * sizes_.scenario;
  const size_t number = group * sizes_.views + view;
  const T* maps = frame.Saved().data();
  const T* starts = maps + groups_.size() * sizes_.views * elements;
  return {maps + number * elements, starts + number * sizes_.width};
}

// b = P S + p of all lanes.
template <typename T>
void MetaLayer::FormBias(Frame<T>& frame, const Pass<T>& pass, const BiasMap<T>& map) const {
  frame.kernels().multiply({.a = map.map,
                            .a_row = sizes_.scenario,
                            .a_step = 1,
                            .b = pass.scenario_lanes,
                            .b_step = pass.lanes.stride(),
                            .c = pass.bias,
                            .c_row = pass.lanes.stride(),
                            .rows = sizes_.width,
                            .columns = pass.lanes.count,
                            .inner = sizes_.scenario,
                            .start = ProductStart::kRows,
                            .row_start = map.start});
}

template <typename T>
void MetaLayer::Run(Frame<T>& frame) const {
  const Pass<T> pass = Begin(frame);
  const T* h = frame.Value(inputs()[0]).data();
  T* y = frame.MutableValue(output()).data();
  const auto slope = static_cast<T>(sizes_.slope);
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (g == 0 || !sizes_.shares_input) {
      ToLanes(frame.kernels(), pass.lanes, pass.input, InputRows(g), h, pass.h);
    }
    ApplyGenerated(MapOf(frame, pass, g), pass.h, pass.z, pass.scratch);
    if (has_views()) FormViewMaps(frame, g);
    for (size_t v = 0; v < sizes_.views; ++v) {
      FormBias(frame, pass, BiasOf(frame, g, v));
      FromLanes<T>(frame.kernels(), pass.lanes, pass.output, OutputRows(g, v), pass.z, y,
                   {.bias = pass.bias, .bias_step = pass.lanes.stride(), .slope = slope});
    }
  }
}

// dz of a view (in pass.z, or pass.view where there are several), added up in pass.z over the
// views; the sum over the rows of a lane in pass.bias.
template <typename T>
void MetaLayer::GatherView(Frame<T>& frame, const Pass<T>& pass, size_t group, size_t view) const {
  T* const dz = sizes_.views > 1 ? pass.view : pass.z;
  const size_t lane_count = pass.lanes.count;
  const size_t slots = pass.lanes.depth * sizes_.rows;
  const SampleRows rows = OutputRows(group, view);
  const T* const gradient = frame.Gradient(output()).data();
  for (size_t lane = 0; lane < lane_count; lane += kLaneMultiple) {
    ToLanes(frame.kernels(), pass.lanes, lane, pass.output, rows, gradient, dz);
    for (size_t i = 0; i < sizes_.width; ++i) {
      T sums[kLaneMultiple] = {};
      const T* from = dz + pass.output.Offset(0, lane) + i * pass.output.step();
      for (size_t slot = 0; slot < slots; ++slot, from += pass.output.lane_stride) {
        for (size_t l = 0; l < kLaneMultiple; ++l) sums[l] += from[l];
      }
      std::copy_n(sums, kLaneMultiple, pass.bias + i * pass.lanes.stride() + lane);
    }
  }
  if (sizes_.views == 1) return;
  const size_t elements = LaneLayout::SlotStride(slots) * sizes_.width * lane_count;
  if (view == 0) {
    std::copy_n(dz, elements, pass.z);
  } else {
    for (size_t i = 0; i < elements; ++i) pass.z[i] += dz[i];
  }
}

// From pass.bias, db: the gradients of P and p, added to `d_map` and `d_start`, and of S.
template <typename T>
void MetaLayer::BackwardBias(Frame<T>& frame, const Pass<T>& pass, const BiasMap<T>& map, T* d_map,
                             T* d_start) const {
  const size_t stride = pass.lanes.stride();
  const KernelSet<T>& kernels = frame.kernels();
  kernels.multiply({.a = pass.bias,
                    .a_row = stride,
                    .a_step = 1,
                    .b = pass.scenario_rows,
                    .b_step = PaddedLanes(sizes_.scenario),
                    .c = d_map,
                    .c_row = sizes_.scenario,
                    .rows = sizes_.width,
                    .columns = sizes_.scenario,
                    .inner = pass.lanes.count,
                    .start = ProductStart::kAdd});
  kernels.add_row_sums(pass.bias, stride, sizes_.width, pass.lanes.count, d_start);
  kernels.multiply({.a = map.map,
                    .a_row = 1,
                    .a_step = sizes_.scenario,
                    .b = pass.bias,
                    .b_step = stride,
                    .c = pass.d_scenario_lanes,
                    .c_row = stride,
                    .rows = sizes_.scenario,
                    .columns = pass.lanes.count,
                    .inner = sizes_.width,
                    .start = ProductStart::kAdd});
}

template <typename T>
void MetaLayer::BackwardGroup(Frame<T>& frame, const Pass<T>& pass, size_t group) const {
  const MetaWeights& weights = groups_[group];
  T* d_maps = pass.view_maps;
  T* d_starts = pass.view_starts;
  const size_t map_elements = size_t{sizes_.width} * sizes_.scenario;
  if (has_views()) {
    std::fill_n(d_maps, sizes_.views * map_elements, T{0});
    std::fill_n(d_starts, size_t{sizes_.views} * sizes_.width, T{0});
  } else {
    d_maps = frame.ParameterGradient(weights.bias_map).data();
    d_starts = frame.ParameterGradient(weights.bias_start).data();
  }
  const uint64_t first_step = FirstStep(group);
  for (size_t v = 0; v < sizes_.views; ++v) {
    GatherView(frame, pass, group, v);
    if (v == 0) frame.AwaitTurn(first_step, first_step + 1);
    BackwardBias(frame, pass, BiasOf(frame, group, v), d_maps + v * map_elements,
                 d_starts + v * sizes_.width);
  }
  if (has_views()) ViewMapsBackward(frame, group, d_maps, d_starts);
  const GeneratedGradient<T> gradient = {
      .h = pass.h,
      .h_rows = pass.h_rows,
      .dz = pass.z,
      .dh = pass.dh,
      .weight_map = frame.ParameterGradient(weights.weight_map).data(),
      .weight_start = frame.ParameterGradient(weights.weight_start).data(),
      .scenario_lanes = pass.d_scenario_lanes,
      .scenario_rows = pass.d_scenario_rows,
      .overwrites_map = frame.first_part(),
      .overwrites_dh = pass.method == MetaMethod::kGenerate && (group == 0 || !sizes_.shares_input),
      .await_columns = [&frame, first_step](size_t first, size_t end) {
        frame.AwaitTurn(first_step + 1 + first, first_step + 1 + end);
      }};
  ApplyGeneratedBackward(MapOf(frame, pass, group), gradient, pass.scratch);
}

template <typename T>
void MetaLayer::Differentiate(Frame<T>& frame) const {
  LeakyReluBackward(static_cast<T>(sizes_.slope), frame.Value(output()), frame.Gradient(output()));
  const Pass<T> pass = Begin(frame);
  const size_t stride = pass.lanes.stride();
  const size_t s = sizes_.scenario;
  const size_t padded = PaddedLanes(s);
  std::fill_n(pass.d_scenario_lanes, s * stride, T{0});
  std::fill_n(pass.d_scenario_rows, pass.lanes.count * padded, T{0});
  const T* h = frame.Value(inputs()[0]).data();
  T* dh = frame.Gradient(inputs()[0]).data();
  const size_t h_elements =
      sizes_.input * LaneLayout::ColumnElementsMax(sizes_.rows * pass.lanes.depth * stride);
  for (size_t g = 0; g < groups_.size(); ++g) {
    const SampleRows rows = InputRows(g);
    if (g == 0 || !sizes_.shares_input) {
      ToLanes(frame.kernels(), pass.lanes, pass.input, rows, h, pass.h);
      if (pass.method == MetaMethod::kFactor) {
        std::fill_n(pass.dh, h_elements, T{0});
        CopyInputRows(pass, rows, h);
      }
    }
    BackwardGroup(frame, pass, g);
    if (g + 1 == groups_.size() || !sizes_.shares_input) {
      FromLanes<T>(frame.kernels(), pass.lanes, pass.input, rows, pass.dh, dh, {.adds = true});
    }
  }
  T* d_scenario = frame.Gradient(inputs()[1]).data();
  for (size_t l = 0; l < pass.lanes.count; ++l) {
    const uint32_t sample = pass.lanes.first_sample(l);
    if (sample == kNoSample) continue;
    for (size_t c = 0; c < s; ++c) {
      d_scenario[sample * s + c] +=
          pass.d_scenario_lanes[c * stride + l] + pass.d_scenario_rows[l * padded + c];
    }
  }
}

// h as rows: [lanes, PaddedLanes(input)].
template <typename T>
void MetaLayer::CopyInputRows(const Pass<T>& pass, const SampleRows& rows, const T* h) const {
  const size_t padded = PaddedLanes(rows.width);
  std::fill_n(pass.h_rows, pass.lanes.count * padded, T{0});
  for (size_t l = 0; l < pass.lanes.count; ++l) {
    const size_t sample = pass.lanes.first_sample(l);
    if (sample == kNoSample) continue;
    std::copy_n(h + (sample * rows.per_sample + rows.first) * rows.width, rows.width,
                pass.h_rows + l * padded);
  }
}

template void MetaLayer::Run(Frame<float>& frame) const;
template void MetaLayer::Run(Frame<double>& frame) const;
template void MetaLayer::Differentiate(Frame<float>& frame) const;
template void MetaLayer::Differentiate(Frame<double>& frame) const;

}  // namespace caravan::model
