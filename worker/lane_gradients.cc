#include "worker/lane_gradients.h"

#include <fmt/format.h>

#include "net/bf16.h"
#include "worker/gradient_clip.h"

namespace caravan::worker {
namespace {

std::span<float> FloatsOf(net::Frame& frame) {
  return {static_cast<float*>(frame.data()), frame.size() / sizeof(float)};
}

// Slow, for a run that ends here: which parameter it is that has the bad gradient.
std::string BadParameter(const conf::ModelSpec& model, const LaneSplit& split,
                         const BatchGradients& gradients) {
  for (const LaneKeys& lane : split) {
    size_t key = 0;
    for (const net::TableSpan& span : lane.spans) {
      const std::vector<float>& rows = gradients.rows[span.table()];
      const size_t width = model.tables(static_cast<int>(span.table())).width();
      for (uint32_t i = 0; i < span.keys(); ++i, ++key) {
        const std::span<const float> row(rows.data() + lane.rows[key] * width, width);
        if (FirstNotFinite(row) == width) continue;
        return fmt::format("key {} of table {}", lane.keys[key],
                           model.tables(static_cast<int>(span.table())).name());
      }
    }
  }
  const size_t index = FirstNotFinite(gradients.dense);
  size_t tensor_end = 0;
  for (const conf::DenseTensor& tensor : model.tensors()) {
    size_t elements = 1;
    for (const uint64_t dimension : tensor.dimensions()) elements *= dimension;
    if (index < tensor_end + elements) {
      return fmt::format("{}, element {}", tensor.name(), index - tensor_end);
    }
    tensor_end += elements;
  }
  return "an unknown parameter";
}

// The lane's dense gradients, clipped, to `dense`: a frame of f32[], or of bf16[] with `debt`.
bool FillDense(const LaneMap& map, uint32_t lane, std::span<const float> gradients, float clip,
               RoundingDebt* debt, net::Frame& frame) {
  const uint64_t floats = map.LaneDenseFloats(lane);
  std::vector<float> clipped;
  std::span<float> dense;
  std::span<uint16_t> rounded;
  if (debt == nullptr) {
    frame = net::Frame(floats * sizeof(float));
    dense = FloatsOf(frame);
  } else {
    frame = net::Frame(floats * sizeof(uint16_t));
    rounded = {static_cast<uint16_t*>(frame.data()), floats};
    clipped.resize(floats);
    dense = clipped;
  }
  size_t place = 0;
  for (const net::DenseChunk& chunk : map.LaneChunks(lane)) {
    const std::span<float> out = dense.subspan(place, chunk.size);
    if (!ClipGradient(gradients.subspan(chunk.flat_offset, chunk.size), clip, out)) return false;
    if (debt != nullptr &&
        !net::RoundWithFeedback(out, std::span(*debt).subspan(chunk.flat_offset, chunk.size),
                                rounded.subspan(place, chunk.size))) {
      return false;
    }
    place += chunk.size;
  }
  return true;
}

bool FillLane(const LaneMap& map, uint32_t lane, const LaneKeys& keys,
              const BatchGradients& gradients, float clip, RoundingDebt* debt, LanePush& push) {
  push.spans = keys.spans;
  push.keys_signature = keys.signature;
  push.keys = net::Frame(keys.keys.data(), keys.keys.size() * sizeof(uint64_t));
  push.rows = net::Frame(keys.floats * sizeof(float));
  const bool finite = GatherRows(map, keys, gradients.rows, FloatsOf(push.rows),
                                 [clip](std::span<const float> row, std::span<float> place) {
                                   return ClipGradient(row, clip, place);
                                 });
  return finite && FillDense(map, lane, gradients.dense, clip, debt, push.dense);
}

}  // namespace

absl::Status FillPush(const LaneMap& map, const conf::ModelSpec& model, const LaneSplit& split,
                      const BatchGradients& gradients, float clip, BatchPush& push,
                      RoundingDebt* debt) {
  push.lanes.resize(map.lanes());
  push.dense_bf16 = debt != nullptr;
  if (debt != nullptr) debt->resize(gradients.dense.size());
  for (uint32_t lane = 0; lane < map.lanes(); ++lane) {
    if (FillLane(map, lane, split[lane], gradients, clip, debt, push.lanes[lane])) continue;
    return absl::InternalError(fmt::format(
        "the gradient of {} is not finite in epoch {} block {} batch {}: nothing was pushed; a "
        "lower learning rate or gradient_clip may help",
        BadParameter(model, split, gradients), push.tag.epoch(), push.tag.block(),
        push.tag.batch()));
  }
  return absl::OkStatus();
}

}  // namespace caravan::worker
