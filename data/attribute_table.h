// A small table in memory: a row an entity or a scenario, its attributes as text or as numbers.
#ifndef CARAVAN_DATA_ATTRIBUTE_TABLE_H_
#define CARAVAN_DATA_ATTRIBUTE_TABLE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

namespace caravan::data {

struct AttributeTable {
  std::vector<std::string> keys;                    // in the file's order
  absl::flat_hash_map<std::string, uint32_t> rows;  // key to row
  std::vector<std::vector<std::string>> texts;      // by text column, by row; empty is missing
  std::vector<std::vector<float>> numbers;          // by number column, by row; NaN is missing

  // The row of `key`, added with all attributes missing where there is none.
  uint32_t RowOrAdd(std::string_view key);
};

// Reads `text_columns` and `number_columns` of the CSV at `path`, a row a key. INVALID_ARGUMENT or
// NOT_FOUND names file, line and column: a missing column, a key that is empty or comes twice, a
// number that is none.
absl::StatusOr<AttributeTable> ReadAttributeTable(const std::string& path,
                                                  const std::string& key_column,
                                                  std::span<const std::string> text_columns,
                                                  std::span<const std::string> number_columns);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_ATTRIBUTE_TABLE_H_
