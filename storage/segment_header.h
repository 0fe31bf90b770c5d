// What the first record of a push log's segment says.
#ifndef CARAVAN_STORAGE_SEGMENT_HEADER_H_
#define CARAVAN_STORAGE_SEGMENT_HEADER_H_

#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "base/hash.h"

namespace caravan::storage {

inline constexpr uint32_t kPushLogFormat = 2;

struct SegmentHeader {
  uint32_t format = kPushLogFormat;
  uint32_t is_synced = 0;
  uint64_t identity = 0;
  uint64_t number = 0;
  uint64_t first_lsn = 0;
  uint64_t capacity = 0;  // the file's size
};
static_assert(sizeof(SegmentHeader) == 40);

inline std::string SegmentName(uint64_t number) { return fmt::format("push-{:010}.log", number); }
inline uint64_t SegmentFileId(uint64_t identity, uint64_t number) {
  return CombineHash(identity, number);
}

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_SEGMENT_HEADER_H_
