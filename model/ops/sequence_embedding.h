// The days of a group of sequence fields (M2M 4.1.1): a day is the rows of its fields one behind
// the other, and behind them a trained embedding of its position.
//   x[b, t] = [row(f_0, b, t) | ... | row(f_F-1, b, t) | position[t]]     x: [T, (F + 1) * width]
// where row() is all of a row, or `columns` of it.
// Parameter <name>.position: [T, width].
#ifndef CARAVAN_MODEL_OPS_SEQUENCE_EMBEDDING_H_
#define CARAVAN_MODEL_OPS_SEQUENCE_EMBEDDING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/op.h"
#include "model/row_columns.h"

namespace caravan::model {

class SequenceEmbedding final : public TypedOp<SequenceEmbedding> {
 public:
  SequenceEmbedding(std::string name, ValueId output, std::vector<uint32_t> fields, uint32_t table,
                    ParameterId position, uint32_t days, RowColumns columns, uint32_t row_width);
  const std::vector<uint32_t>& fields() const { return fields_; }
  ParameterId position() const { return position_; }

  FlopCount CountFlops(uint32_t batch) const override;
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  std::vector<uint32_t> fields_;  // of the schema
  uint32_t table_;
  ParameterId position_;
  uint32_t days_;
  RowColumns columns_;
  uint32_t width_;      // of the columns
  uint32_t row_width_;  // of the table
};

// Fields of one table.
ValueId AddSequenceEmbedding(Graph& graph, const std::string& name,
                             const std::vector<uint32_t>& fields, RowColumns columns = {});

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_SEQUENCE_EMBEDDING_H_
