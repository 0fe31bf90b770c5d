// A model's state drawn at random, so that every parameter, also one that starts at zero, matters
// to a prediction.
#ifndef CARAVAN_TESTS_ONNX_RANDOM_STATE_H_
#define CARAVAN_TESTS_ONNX_RANDOM_STATE_H_

#include <cmath>
#include <span>
#include <vector>

#include "base/random.h"
#include "conf/model_spec.pb.h"
#include "ps/checkpoint_reader.h"

namespace caravan::tests {

class RandomState final : public ps::CheckpointReader {
 public:
  RandomState(const conf::ModelSpec& model, uint64_t seed) : model_(model), seed_(seed) {}

  absl::StatusOr<std::vector<float>> Dense() override {
    std::vector<float> dense;
    for (int i = 0; i < model_.tensors_size(); ++i) {
      const conf::DenseTensor& tensor = model_.tensors(i);
      uint64_t elements = 1;
      for (const uint64_t extent : tensor.dimensions()) elements *= extent;
      RandomStream stream(seed_, 1000, static_cast<uint64_t>(i));
      const conf::Initializer& initializer = tensor.initializer();
      const float deviation = initializer.normal_deviation() + initializer.uniform_limit();
      for (uint64_t e = 0; e < elements; ++e) {
        dense.push_back(initializer.constant() +
                        (deviation == 0 ? 0.1F : deviation) * stream.NextNormal());
      }
    }
    return dense;
  }

  absl::Status Rows(TableId table, std::span<const uint64_t> keys,
                    std::vector<float>& weights) override {
    weights.clear();
    for (const uint64_t key : keys) {
      RandomStream stream(seed_, Index(table), key);
      const uint32_t width = model_.tables(static_cast<int>(Index(table))).width();
      for (uint32_t i = 0; i < width; ++i) weights.push_back(0.3F * stream.NextNormal());
    }
    return absl::OkStatus();
  }

  uint64_t rows() const override { return 0; }

 private:
  const conf::ModelSpec model_;
  const uint64_t seed_;
};

}  // namespace caravan::tests

#endif  // CARAVAN_TESTS_ONNX_RANDOM_STATE_H_
