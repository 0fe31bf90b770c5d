// A fuzzer's bytes as messages: [frames u8] then, for each frame, [bytes u16][the bytes]; and so on
// until the input ends. Whatever is missing at its end is empty.
#ifndef CARAVAN_TESTS_NET_FUZZ_INPUT_H_
#define CARAVAN_TESTS_NET_FUZZ_INPUT_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "net/message.h"

namespace caravan::net {

inline std::vector<Message> TakeMessages(std::span<const uint8_t> input) {
  const auto take = [&input](size_t bytes) {
    const std::span<const uint8_t> taken = input.first(std::min(bytes, input.size()));
    input = input.subspan(taken.size());
    return taken;
  };
  std::vector<Message> messages;
  while (!input.empty()) {
    Message message;
    for (size_t frames = take(1)[0] % (kFramesMax + 2); frames > 0; --frames) {
      const std::span<const uint8_t> size = take(2);
      const size_t bytes = size.size() < 2 ? 0 : size[0] + size_t{256} * size[1];
      const std::span<const uint8_t> frame = take(bytes);
      message.frames.emplace_back(frame.data(), frame.size());
    }
    messages.push_back(std::move(message));
  }
  return messages;
}

// The reverse, for a corpus.
inline void PutMessage(const Message& message, std::vector<uint8_t>& input) {
  input.push_back(static_cast<uint8_t>(message.frames.size()));
  for (const Frame& frame : message.frames) {
    input.push_back(static_cast<uint8_t>(frame.size() % 256));
    input.push_back(static_cast<uint8_t>(frame.size() / 256));
    const auto* bytes = static_cast<const uint8_t*>(frame.data());
    input.insert(input.end(), bytes, bytes + frame.size());
  }
}

}  // namespace caravan::net

#endif  // CARAVAN_TESTS_NET_FUZZ_INPUT_H_
