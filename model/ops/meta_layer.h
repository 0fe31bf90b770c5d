// One layer of a meta unit (M2M eq. 9-13): a linear map whose weights follow from the sample.
//   W = Reshape(V_w S + v_w) [n, n] (row-major, row = output),  b = V_b S + v_b [n]
//   y_r = LeakyReLU(W h_r + b)
// h, y: [G, R, n], S: [s]; V_w: [n * n, s], v_w: [n * n], V_b: [n, s], v_b: [n]. Groups G (tasks
// under meta_scope TASK, else one) have parameters of their own: <name>.V_w, ...;
// <name>.<group>.V_w, ... W is never held for the batch: it is made for a tile of samples, applied,
// and made again backward.
#ifndef CARAVAN_MODEL_OPS_META_LAYER_H_
#define CARAVAN_MODEL_OPS_META_LAYER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/gemm.h"
#include "model/op.h"

namespace caravan::model {

struct MetaWeights {
  ParameterId weight_map;    // V_w
  ParameterId weight_start;  // v_w
  ParameterId bias_map;      // V_b
  ParameterId bias_start;    // v_b
};

struct MetaSizes {
  uint32_t rows = 0;      // R
  uint32_t width = 0;     // n
  uint32_t scenario = 0;  // s
  double slope = 0;       // of LeakyReLU
};

class MetaLayer final : public TypedOp<MetaLayer> {
 public:
  // inputs: h, S.
  MetaLayer(std::string name, ValueId input, ValueId scenario, ValueId output, MetaSizes sizes,
            std::vector<MetaWeights> groups);
  const MetaSizes& sizes() const { return sizes_; }
  const std::vector<MetaWeights>& groups() const { return groups_; }

  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  uint64_t ScratchElements(uint32_t batch) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  template <typename T>
  struct Tile;
  size_t TileRows(size_t samples) const;
  template <typename T, typename Visit>
  void ForEachTile(size_t batch, T* weights, const Visit& visit) const;
  template <typename T>
  Matrix<T> RowsOf(T* data, size_t sample, size_t group, size_t first_row, size_t rows) const;
  template <typename T>
  void Generate(Frame<T>& frame, const MetaWeights& weights, const Tile<T>& tile) const;
  template <typename T>
  void GenerateBackward(Frame<T>& frame, const MetaWeights& weights, const Tile<T>& tile) const;
  template <typename T>
  void BiasBackward(Frame<T>& frame, size_t group, T* d_bias) const;

  MetaSizes sizes_;
  std::vector<MetaWeights> groups_;
};

// input: [G, R, n] with groups, else [..., n]. `scenario_size`: the root mean square of S at the
// start, by which V_w is scaled so that V_w S has the size of v_w.
struct MetaOptions {
  double slope = 0.01;
  double scenario_size = 1;
  std::vector<std::string> groups;  // their names; empty: one set of weights
};
ValueId AddMetaLayer(Graph& graph, const std::string& name, ValueId input, ValueId scenario,
                     const MetaOptions& options);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_META_LAYER_H_
