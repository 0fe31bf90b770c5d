#include "ps/key_lists.h"

#include <algorithm>
#include <iterator>

namespace caravan::ps {

const KeyList* KeyLists::Find(uint64_t sender, uint64_t signature) {
  const auto found = places_.find({sender, signature});
  if (found == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->list;
}

void KeyLists::Drop(Place place) {
  bytes_ -= place->list.bytes();
  places_.erase({place->sender, place->signature});
  const auto count = lists_of_sender_.find(place->sender);
  if (--count->second == 0) lists_of_sender_.erase(count);
  entries_.erase(place);
}

const KeyList* KeyLists::Insert(uint64_t sender, uint64_t signature, KeyList list) {
  if (const auto found = places_.find({sender, signature}); found != places_.end()) {
    Drop(found->second);
  }
  bytes_ += list.bytes();
  entries_.push_front({.sender = sender, .signature = signature, .list = std::move(list)});
  places_[{sender, signature}] = entries_.begin();
  if (++lists_of_sender_[sender] > limits_.lists_per_sender) {
    // The sender's oldest list is near the end; few senders make this a short walk.
    const auto oldest = std::ranges::find(entries_.rbegin(), entries_.rend(), sender,
                                          [](const Entry& entry) { return entry.sender; });
    Drop(std::prev(oldest.base()));
  }
  const auto is_over = [&] {
    return bytes_ > limits_.bytes || lists_of_sender_.size() > limits_.senders;
  };
  while (entries_.size() > 1 && is_over()) Drop(std::prev(entries_.end()));
  return &entries_.front().list;
}

}  // namespace caravan::ps
