#include "launch/export/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>

#include "absl/strings/ascii.h"

namespace caravan::launch {

absl::StatusOr<std::vector<uint64_t>> VocabularyKeys(const conf::Schema& schema, TableId table) {
  std::vector<const conf::Field*> fields;
  for (const conf::Field& field : schema.fields()) {
    if (static_cast<uint32_t>(field.group()) == Index(table)) fields.push_back(&field);
  }
  std::sort(fields.begin(), fields.end(), [](const conf::Field* a, const conf::Field* b) {
    return a->first_key() < b->first_key();
  });
  std::vector<uint64_t> keys;
  for (size_t i = 0; i < fields.size(); ++i) {
    const conf::Field& field = *fields[i];
    if (i > 0 && fields[i - 1]->first_key() + fields[i - 1]->values() > field.first_key()) {
      return absl::InvalidArgumentError(
          fmt::format("fields {} and {} of the schema share keys from {} on", fields[i - 1]->name(),
                      field.name(), field.first_key()));
    }
    for (uint64_t value = 0; value < field.values(); ++value) {
      keys.push_back(field.first_key() + value);
    }
  }
  return keys;
}

std::string GroupName(conf::FieldGroup group) {
  return absl::AsciiStrToLower(conf::FieldGroup_Name(group));
}

}  // namespace caravan::launch
