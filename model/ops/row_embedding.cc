#include "model/ops/row_embedding.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "glog/logging.h"

namespace caravan::model {

RowEmbedding::RowEmbedding(std::string name, ValueId output, std::vector<uint32_t> fields,
                           std::vector<uint32_t> tables, RowColumns columns, uint32_t row_width)
    : TypedOp(std::move(name), {}, output),
      fields_(std::move(fields)),
      tables_(std::move(tables)),
      columns_(columns),
      width_(columns.width),
      row_width_(row_width) {}

FlopCount RowEmbedding::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void RowEmbedding::Run(Frame<T>& frame) const {
  const std::span<T> y = frame.MutableValue(output());
  const size_t sample = fields_.size() * width_;
  for (size_t f = 0; f < fields_.size(); ++f) {
    const std::span<const T> rows = frame.Rows(tables_[f]);
    const std::span<const uint32_t> indices = frame.RowIndices(fields_[f]);
    for (size_t b = 0; b < indices.size(); ++b) {
      std::copy_n(&rows[size_t{indices[b]} * row_width_ + columns_.first], width_,
                  &y[b * sample + f * width_]);
    }
  }
}

template <typename T>
void RowEmbedding::Differentiate(Frame<T>& frame) const {
  const std::span<const T> dy = frame.Gradient(output());
  const size_t sample = fields_.size() * width_;
  for (size_t f = 0; f < fields_.size(); ++f) {
    const std::span<T> rows = frame.RowGradient(tables_[f]);
    const std::span<const uint32_t> indices = frame.RowIndices(fields_[f]);
    for (size_t b = 0; b < indices.size(); ++b) {
      T* row = &rows[size_t{indices[b]} * row_width_ + columns_.first];
      const T* from = &dy[b * sample + f * width_];
      for (uint32_t i = 0; i < width_; ++i) row[i] += from[i];
    }
  }
}

ValueId AddRowEmbedding(Graph& graph, const std::string& name, const std::vector<uint32_t>& fields,
                        RowColumns columns) {
  CHECK(!fields.empty());
  std::vector<uint32_t> tables;
  for (const uint32_t field : fields) {
    CHECK(!graph.fields()[field].sequence);
    tables.push_back(graph.fields()[field].table);
  }
  const uint32_t row_width = graph.tables()[tables[0]].width();
  if (columns.width == 0) columns.width = row_width;
  CHECK_LE(columns.first + columns.width, row_width) << name;
  const ValueId output =
      graph.AddValue(name, {static_cast<uint32_t>(fields.size()) * columns.width}, true);
  graph.AddOp(
      std::make_unique<RowEmbedding>(name, output, fields, std::move(tables), columns, row_width));
  return output;
}

}  // namespace caravan::model
