#include "model/ops/sequence_embedding.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "glog/logging.h"
#include "model/initializers.h"

namespace caravan::model {

SequenceEmbedding::SequenceEmbedding(std::string name, ValueId output, std::vector<uint32_t> fields,
                                     uint32_t table, ParameterId position, uint32_t days,
                                     RowColumns columns, uint32_t row_width)
    : TypedOp(std::move(name), {}, output),
      fields_(std::move(fields)),
      table_(table),
      position_(position),
      days_(days),
      columns_(columns),
      width_(columns.width),
      row_width_(row_width) {}

FlopCount SequenceEmbedding::CountFlops(uint32_t /*batch*/) const { return {}; }

template <typename T>
void SequenceEmbedding::Run(Frame<T>& frame) const {
  T* x = frame.MutableValue(output()).data();
  const T* rows = frame.Rows(table_).data() + columns_.first;
  const T* position = frame.Parameter(position_).data();
  const size_t day_width = (fields_.size() + 1) * width_;
  const size_t day_count = size_t{frame.batch()} * days_;
  for (size_t f = 0; f < fields_.size(); ++f) {
    const std::span<const uint32_t> indices = frame.RowIndices(fields_[f]);
    for (size_t i = 0; i < day_count; ++i) {
      std::copy_n(rows + size_t{indices[i]} * row_width_, width_, x + i * day_width + f * width_);
    }
  }
  for (size_t i = 0; i < day_count; ++i) {
    std::copy_n(position + i % days_ * width_, width_, x + (i + 1) * day_width - width_);
  }
}

template <typename T>
void SequenceEmbedding::Differentiate(Frame<T>& frame) const {
  const T* dx = frame.Gradient(output()).data();
  T* rows = frame.RowGradient(table_).data() + columns_.first;
  T* position = frame.ParameterGradient(position_).data();
  const size_t day_width = (fields_.size() + 1) * width_;
  const size_t day_count = size_t{frame.batch()} * days_;
  for (size_t f = 0; f < fields_.size(); ++f) {
    const std::span<const uint32_t> indices = frame.RowIndices(fields_[f]);
    for (size_t i = 0; i < day_count; ++i) {
      T* row = rows + size_t{indices[i]} * row_width_;
      const T* from = dx + i * day_width + f * width_;
      for (uint32_t j = 0; j < width_; ++j) row[j] += from[j];
    }
  }
  for (size_t i = 0; i < day_count; ++i) {
    T* row = position + i % days_ * width_;
    const T* from = dx + (i + 1) * day_width - width_;
    for (uint32_t j = 0; j < width_; ++j) row[j] += from[j];
  }
}

ValueId AddSequenceEmbedding(Graph& graph, const std::string& name,
                             const std::vector<uint32_t>& fields, RowColumns columns) {
  CHECK(!fields.empty());
  const uint32_t table = graph.fields()[fields[0]].table;
  for (const uint32_t field : fields) {
    CHECK(graph.fields()[field].sequence);
    CHECK_EQ(graph.fields()[field].table, table);
  }
  const uint32_t row_width = graph.tables()[table].width();
  if (columns.width == 0) columns.width = row_width;
  CHECK_LE(columns.first + columns.width, row_width) << name;
  const uint32_t days = graph.history_days();
  const ParameterId position =
      graph.AddParameter(name + ".position", {days, columns.width},
                         NormalInitializer(kSequenceEmbeddingDeviation), false);
  const ValueId output =
      graph.AddValue(name, {days, static_cast<uint32_t>(fields.size() + 1) * columns.width}, true);
  graph.AddOp(std::make_unique<SequenceEmbedding>(name, output, fields, table, position, days,
                                                  columns, row_width));
  return output;
}

}  // namespace caravan::model
