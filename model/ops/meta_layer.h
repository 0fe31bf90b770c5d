// One layer of a meta unit (M2M eq. 9-13): a linear map whose weights follow from the sample.
//   W = Reshape(V_w S + v_w) [n, n] (row-major, row = output),  b = V_b S + v_b [n]
//   y_r = LeakyReLU(W h_r + b)
// h, y: [G, R, n], S: [s]; V_w: [n * n, s], v_w: [n * n], V_b: [n, s], v_b: [n]. Groups G (tasks
// under meta_scope TASK, else one) have parameters of their own: <name>.V_w, ...;
// <name>.<group>.V_w, ...
//
// The layer of pairs has as its input every row of E beside every view of T, which is the same for
// all samples (M2M eq. 14): h_(t, i) = [E_i | T_t], E: [k, n - e], T: [m, e]. Its W falls in two,
// W = [A | C]: A E_i is needed once for all tasks that share W, and C T_t = P_t S + p_t follows
// from S as a bias does, with P_t = V_b + sum_j V_w[., j] T_tj [n, s] formed once a batch. So half
// of W is never generated.
//
// How it is computed: model/ops/meta_weights.h. Where S follows from the attribute fields alone,
// samples that agree in them share what is generated (model/lane_plan.h).
#ifndef CARAVAN_MODEL_OPS_META_LAYER_H_
#define CARAVAN_MODEL_OPS_META_LAYER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/op.h"
#include "model/ops/lane_rows.h"
#include "model/ops/meta_weights.h"

namespace caravan::model {

struct MetaWeights {
  ParameterId weight_map;    // V_w
  ParameterId weight_start;  // v_w
  ParameterId bias_map;      // V_b
  ParameterId bias_start;    // v_b
};

struct MetaSizes {
  uint32_t rows = 0;            // R: rows of h a group multiplies by W; k in the layer of pairs
  uint32_t views = 1;           // of T a group has; 1 without
  uint32_t width = 0;           // n
  uint32_t input = 0;           // columns of W that are generated: n, or n - e
  uint32_t scenario = 0;        // s
  bool shares_input = false;    // all groups have the same rows: the layer of pairs
  bool shares_weights = false;  // S follows from the attribute fields alone
  double slope = 0;             // of LeakyReLU
};

class MetaLayer final : public TypedOp<MetaLayer> {
 public:
  // inputs: h, S; of the layer of pairs E, S, T.
  MetaLayer(std::string name, std::vector<ValueId> inputs, ValueId output, MetaSizes sizes,
            std::vector<MetaWeights> groups);
  const MetaSizes& sizes() const { return sizes_; }
  const std::vector<MetaWeights>& groups() const { return groups_; }
  bool has_views() const { return inputs().size() == 3; }

  FlopCount CountFlops(uint32_t batch) const override;
  FlopCount CountSharedFlops(uint32_t batch, uint32_t distinct) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  std::vector<ParameterId> OverwrittenGradients() const override;
  bool TakesTurns() const override { return true; }
  uint64_t SavedElements(uint32_t batch) const override;
  uint64_t ScratchElements(uint32_t batch) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  // Steps of a group in Backward (Frame::AwaitTurn): its bias, then V_w column by column.
  uint64_t FirstStep(size_t group) const { return group * (sizes_.width + uint64_t{1}); }

  template <typename T>
  struct Pass;
  template <typename T>
  struct BiasMap {
    const T* map;    // [n, s]
    const T* start;  // [n]
  };

  template <typename T>
  Pass<T> Begin(Frame<T>& frame) const;
  template <typename T>
  GeneratedMap<T> MapOf(Frame<T>& frame, const Pass<T>& pass, size_t group) const;
  template <typename T>
  BiasMap<T> BiasOf(Frame<T>& frame, size_t group, size_t view) const;
  SampleRows InputRows(size_t group) const;
  SampleRows OutputRows(size_t group, size_t view) const;

  template <typename T>
  void FormViewMaps(Frame<T>& frame, size_t group) const;
  template <typename T>
  void FormBias(Frame<T>& frame, const Pass<T>& pass, const BiasMap<T>& map) const;

  template <typename T>
  void GatherView(Frame<T>& frame, const Pass<T>& pass, size_t group, size_t view) const;
  template <typename T>
  void BackwardBias(Frame<T>& frame, const Pass<T>& pass, const BiasMap<T>& map, T* d_map,
                    T* d_start) const;
  template <typename T>
  void ViewMapsBackward(Frame<T>& frame, size_t group, const T* d_maps, const T* d_starts) const;
  template <typename T>
  void BackwardGroup(Frame<T>& frame, const Pass<T>& pass, size_t group) const;
  template <typename T>
  void CopyInputRows(const Pass<T>& pass, const SampleRows& rows, const T* h) const;

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
// experts: [k, n - e], views: [m, e] the same for all samples; the output is [m, k, n]. With groups
// there are as many as views.
ValueId AddPairMetaLayer(Graph& graph, const std::string& name, ValueId experts, ValueId views,
                         ValueId scenario, const MetaOptions& options);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_META_LAYER_H_
