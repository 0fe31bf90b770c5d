// Pieces that the ONNX forms of several ops share: reshaping, picking a group, products of rows.
#ifndef CARAVAN_MODEL_ONNX_SHAPES_H_
#define CARAVAN_MODEL_ONNX_SHAPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/onnx_emitter.h"
#include "model/row_columns.h"

namespace caravan::model {

// The ONNX extents of a value: -1 for the batch where it is per sample, then its shape.
std::vector<int64_t> OnnxShape(const OnnxEmitter& emitter, ValueId id);

// `tensor` with the extents `shape`, of which one may be -1.
std::string OnnxReshape(OnnxEmitter& emitter, const std::string& tensor, std::vector<int64_t> shape,
                        const std::string& hint);
// The same, its result being the graph value `output` in that value's own shape.
void OnnxReshapeTo(OnnxEmitter& emitter, ValueId output, const std::string& tensor);

// tensor[:, group] of [batch, groups, rows, width]: [batch, rows, width].
std::string OnnxGroup(OnnxEmitter& emitter, const std::string& tensor, int64_t group, int64_t rows,
                      int64_t width, const std::string& hint);

// Every row of `experts` [batch, k, d] beside every row of `tasks` [m, e]: [batch, m, k, d + e].
struct OnnxPairShape {
  int64_t experts = 0;       // k
  int64_t expert_width = 0;  // d
  int64_t tasks = 0;         // m
  int64_t task_width = 0;    // e
};
std::string OnnxPairs(OnnxEmitter& emitter, const std::string& experts, const std::string& tasks,
                      const OnnxPairShape& shape, const std::string& hint);

// `columns` of the last axis of `rows`, which is `row_width` wide; `rows` itself where that is all.
std::string OnnxColumns(OnnxEmitter& emitter, const std::string& rows, RowColumns columns,
                        uint32_t row_width, const std::string& hint);

// x W^T + b by row: x [rows, in], W [out, in], b [out] (or none).
std::string OnnxLinear(OnnxEmitter& emitter, const std::string& x, ParameterId weight,
                       std::optional<ParameterId> bias, const std::string& hint);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_ONNX_SHAPES_H_
