// Values to value ids: buckets of a numeric field, categories of a categorical one. What is learned
// here from the training days is written to conf/schema.proto's Field.
#ifndef CARAVAN_DATA_DISCRETISER_H_
#define CARAVAN_DATA_DISCRETISER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "conf/schema.pb.h"

namespace caravan::data {

inline constexpr uint32_t kMissingId = 0;
inline constexpr uint32_t kZeroId = 1;        // numeric: exactly zero
inline constexpr uint32_t kUnseenId = 1;      // categorical: not among the training categories
inline constexpr uint32_t kFirstValueId = 2;  // the first bucket or category

// Learns the buckets of a numeric field. Counts values rounded to 12 significant bits (integers up
// to 4096 exactly), so its memory has a limit however many values there are.
class BucketLearner {
 public:
  // Zero and NaN (missing) have value ids of their own and are passed over.
  void Add(float value);

  // Upper bounds of at most `buckets` buckets, ascending, the last +inf: bound i is the i-th
  // (1/buckets)-quantile of the values, or of their log1p, which is the same bucket. Equal bounds
  // are one, and the largest value of all is in the bucket that +inf closes.
  std::vector<float> Bounds(uint32_t buckets) const;

 private:
  struct Bin {
    uint64_t count = 0;
    float largest = 0;
  };
  absl::flat_hash_map<uint32_t, Bin> bins_;
  uint64_t count_ = 0;
};

// NaN is missing. Cannot fail: the field's bounds end in +inf.
uint32_t NumericValueId(const conf::Field& field, float value);

// Categories to value ids, for one categorical field.
class CategoryIds {
 public:
  explicit CategoryIds(const conf::Field& field);
  uint32_t operator()(std::string_view category) const;  // empty is missing

 private:
  absl::flat_hash_map<std::string, uint32_t> ids_;
};

// Fills what a field of either kind has in common; first_key is the caller's.
conf::Field NumericField(conf::FieldGroup group, const std::string& name,
                         std::span<const float> bounds);
conf::Field CategoricalField(conf::FieldGroup group, const std::string& name,
                             std::span<const std::string> categories);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_DISCRETISER_H_
