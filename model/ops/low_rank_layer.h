// A meta layer (model/ops/meta_layer.h) whose generator has few terms. V_w of the full layer is a
// tensor [n, n, s]; here it is a sum of r outer products (the canonical polyadic decomposition,
// Hitchcock 1927): V_w(i, j, c) = sum_q A(i, q) B(q, j) C(q, c), so that
//   W = v_w + A diag(C S) B,   y_r = LeakyReLU(W h_r + V_b S + v_b)
// and W is never formed:
//   y_r = LeakyReLU([v_w | A | V_b] [h_r | (B h_r) * (C S) | S] + v_b)
// The scenario chooses which of r directions of the input are heard, and how loud: what a layer
// shares over the scenarios (A, B) is learned from all samples, and a scenario has r numbers of its
// own where the full generator has n * n. Any V_w is such a sum with r large enough.
// Parameters: n^2 + r (2 n + s) + n (s + 1) instead of (n^2 + n)(s + 1); FLOPs forward, a row:
// about 2 n^2 + 4 n r + 2 n s, and nothing is generated.
#ifndef CARAVAN_MODEL_OPS_LOW_RANK_LAYER_H_
#define CARAVAN_MODEL_OPS_LOW_RANK_LAYER_H_

#include <cstdint>
#include <string>

#include "model/ops/meta_layer.h"

namespace caravan::model {

// As AddMetaLayer. Parameters <name>.factors.weight: B, <name>.gates.weight: C, <name>.weight and
// <name>.bias: [v_w | A | V_b] and v_b; those of groups as Linear names them, C one for all.
ValueId AddLowRankLayer(Graph& graph, const std::string& name, ValueId input, ValueId scenario,
                        uint32_t rank, const MetaOptions& options);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_LOW_RANK_LAYER_H_
