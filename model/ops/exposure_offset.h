// The offset of a Poisson regression on rates: z_t' = z_t + log e_t, e_t the exposure, what the
// series behind task t has lately come to. It is read off a dense feature x = (log1p(total) - mean)
// / deviation, so log e_t = deviation x + mean + shift: an affine map of one feature a task,
// nothing of it trained (McCullagh and Nelder, Generalized Linear Models, 1989, section 6.2).
//   z, z': [m], x: [D] the input's dense features. Gradient: dz = dz'.
#ifndef CARAVAN_MODEL_OPS_EXPOSURE_OFFSET_H_
#define CARAVAN_MODEL_OPS_EXPOSURE_OFFSET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/op.h"

namespace caravan::model {

// Of a task: log e = scale * dense[feature] + shift; no exposure where both are 0.
struct Exposure {
  uint32_t feature = 0;
  float scale = 0;
  float shift = 0;
};

class ExposureOffset final : public TypedOp<ExposureOffset> {
 public:
  ExposureOffset(std::string name, ValueId input, ValueId output, std::vector<Exposure> exposures);
  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  std::vector<Exposure> exposures_;  // by task
};

ValueId AddExposureOffset(Graph& graph, const std::string& name, ValueId input,
                          std::vector<Exposure> exposures);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_EXPOSURE_OFFSET_H_
