// The rows of fields that have one value a sample, one behind the other (scenario and profile
// attributes, M2M eq. 8).
//   y[b] = [row(f_0, b) | row(f_1, b) | ...]            y: [fields * width]
// where row() is all of a row, or `columns` of it.
#ifndef CARAVAN_MODEL_OPS_ROW_EMBEDDING_H_
#define CARAVAN_MODEL_OPS_ROW_EMBEDDING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/op.h"
#include "model/row_columns.h"

namespace caravan::model {

class RowEmbedding final : public TypedOp<RowEmbedding> {
 public:
  RowEmbedding(std::string name, ValueId output, std::vector<uint32_t> fields,
               std::vector<uint32_t> tables, RowColumns columns, uint32_t row_width);
  const std::vector<uint32_t>& fields() const { return fields_; }

  FlopCount CountFlops(uint32_t batch) const override;
  bool follows_from_attributes() const override { return true; }
  absl::Status EmitOnnx(OnnxEmitter& emitter) const override;
  template <typename T>
  void Run(Frame<T>& frame) const;
  template <typename T>
  void Differentiate(Frame<T>& frame) const;

 private:
  std::vector<uint32_t> fields_;  // of the schema
  std::vector<uint32_t> tables_;  // of each field
  RowColumns columns_;
  uint32_t width_;      // of the columns
  uint32_t row_width_;  // of the tables
};

// Fields of any tables of one width.
ValueId AddRowEmbedding(Graph& graph, const std::string& name, const std::vector<uint32_t>& fields,
                        RowColumns columns = {});

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_OPS_ROW_EMBEDDING_H_
