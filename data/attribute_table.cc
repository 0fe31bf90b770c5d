#include "data/attribute_table.h"

#include <fmt/format.h>

#include <limits>
#include <optional>

#include "base/status_macros.h"
#include "data/csv_reader.h"

namespace caravan::data {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

absl::StatusOr<std::vector<uint32_t>> Columns(const CsvReader& csv,
                                              std::span<const std::string> names) {
  std::vector<uint32_t> columns;
  for (const std::string& name : names) {
    CARAVAN_ASSIGN_OR_RETURN(const uint32_t column, csv.Column(name));
    columns.push_back(column);
  }
  return columns;
}

}  // namespace

uint32_t AttributeTable::RowOrAdd(std::string_view key) {
  const auto [found, added] =
      rows.try_emplace(std::string(key), static_cast<uint32_t>(keys.size()));
  if (added) {
    keys.emplace_back(key);
    for (std::vector<std::string>& column : texts) column.emplace_back();
    for (std::vector<float>& column : numbers) column.push_back(kMissing);
  }
  return found->second;
}

absl::StatusOr<AttributeTable> ReadAttributeTable(const std::string& path,
                                                  const std::string& key_column,
                                                  std::span<const std::string> text_columns,
                                                  std::span<const std::string> number_columns) {
  CARAVAN_ASSIGN_OR_RETURN(CsvReader csv, CsvReader::Open(path));
  CARAVAN_ASSIGN_OR_RETURN(const uint32_t key_index, csv.Column(key_column));
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<uint32_t> texts, Columns(csv, text_columns));
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<uint32_t> numbers, Columns(csv, number_columns));
  AttributeTable table;
  table.texts.resize(texts.size());
  table.numbers.resize(numbers.size());
  while (true) {
    CARAVAN_ASSIGN_OR_RETURN(const bool more, csv.Next());
    if (!more) return table;
    const std::string_view key = csv.Text(key_index);
    if (key.empty()) return csv.ErrorAt(key_index, "is empty; every row needs its key");
    const size_t row = table.keys.size();
    if (table.RowOrAdd(key) != row) {
      return csv.ErrorAt(key_index, fmt::format("'{}' comes twice", key));
    }
    for (size_t i = 0; i < texts.size(); ++i) table.texts[i][row] = csv.Text(texts[i]);
    for (size_t i = 0; i < numbers.size(); ++i) {
      CARAVAN_ASSIGN_OR_RETURN(const std::optional<float> value, csv.Number(numbers[i]));
      table.numbers[i][row] = value.value_or(kMissing);
    }
  }
}

}  // namespace caravan::data
