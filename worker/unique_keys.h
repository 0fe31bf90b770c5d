// From a batch's value ids to the unique keys of each table and the row of each value.
#ifndef CARAVAN_WORKER_UNIQUE_KEYS_H_
#define CARAVAN_WORKER_UNIQUE_KEYS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "conf/schema.pb.h"
#include "worker/parameter_source.h"

namespace caravan::worker {

// A schema's vocabulary is closed, so a table whose keys fit a bitmap needs no sorting and no hash:
// values set bits, the set bits in order are the keys, and a key's row is the number of bits set
// before it. Larger tables are sorted. Allocates nothing once a batch of that size was seen.
//
// Owned and called by one thread. What it returns lives until the next Find.
class UniqueKeys {
 public:
  static constexpr uint64_t kBitmapKeysMax = uint64_t{1} << 24;  // 3 MiB a table

  explicit UniqueKeys(const conf::Schema& schema, uint64_t bitmap_keys_max = kBitmapKeysMax);

  // `ids`: by field, as data::Batch.ids. DATA_LOSS names a field whose value lies past its values.
  absl::Status Find(const std::vector<std::vector<uint32_t>>& ids);

  // By table, ascending; key = Field.first_key + value id.
  const TableKeys& keys() const { return keys_; }
  // By field: for each value its index in keys()[table of the field].
  const std::vector<std::vector<uint32_t>>& row_indices() const { return row_indices_; }

 private:
  struct FieldKeys {
    std::string name;
    uint32_t table;
    uint64_t first_key;
    uint32_t values;
  };
  // bits: 64 keys a word. rows_before: keys set in all words before. Both empty: sorted instead.
  struct Bitmap {
    std::vector<uint64_t> bits;
    std::vector<uint32_t> rows_before;
  };

  void ListBitmapKeys(uint32_t table);
  void ListSortedKeys(uint32_t table);
  void FindRows(size_t field, std::span<const uint32_t> ids);

  std::vector<FieldKeys> fields_;
  std::vector<Bitmap> bitmaps_;  // by table
  TableKeys keys_;
  std::vector<std::vector<uint32_t>> row_indices_;
};

// Tables that a schema's fields use: one a FieldGroup, whether or not it has fields.
inline constexpr uint32_t kSchemaTables = 4;

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_UNIQUE_KEYS_H_
