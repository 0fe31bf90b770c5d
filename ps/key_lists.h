// Key lists that peers have sent, so that a push need not send again what its pull sent: found by
// (sender, signature), bounded in lists a sender and in bytes over all, the least recently used
// going first.
#ifndef CARAVAN_PS_KEY_LISTS_H_
#define CARAVAN_PS_KEY_LISTS_H_

#include <cstdint>
#include <list>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/ids.h"

namespace caravan::ps {

// Keys of one request, checked: tables and keys ascending, all of this lane.
struct KeyList {
  struct Span {
    TableId table;
    size_t first = 0;  // in keys
    size_t count = 0;
  };
  std::vector<Span> spans;
  std::vector<uint64_t> keys;
  uint64_t floats = 0;  // of the rows' weights

  uint64_t bytes() const { return keys.size() * sizeof(uint64_t) + spans.size() * sizeof(Span); }
};

// Owned and called by one lane thread. A list lives until the next Insert.
class KeyLists {
 public:
  struct Limits {
    size_t lists_per_sender = 32;
    size_t senders = 65536;
    uint64_t bytes = uint64_t{64} << 20;
  };
  explicit KeyLists(const Limits& limits) : limits_(limits) {}

  // Null where it is not known (any more).
  const KeyList* Find(uint64_t sender, uint64_t signature);
  // A list larger than all the room there is is kept until the next Insert only.
  const KeyList* Insert(uint64_t sender, uint64_t signature, KeyList list);

  uint64_t bytes() const { return bytes_; }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    uint64_t sender;
    uint64_t signature;
    KeyList list;
  };
  using Place = std::list<Entry>::iterator;
  void Drop(Place place);

  Limits limits_;
  std::list<Entry> entries_;  // the most recently used first
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, Place> places_;
  absl::flat_hash_map<uint64_t, size_t> lists_of_sender_;
  uint64_t bytes_ = 0;
};

}  // namespace caravan::ps

#endif  // CARAVAN_PS_KEY_LISTS_H_
