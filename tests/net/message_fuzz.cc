// Any bytes as a message of the wire: an error, or a header or reply and frames that can be read.
#include <cstdlib>
#include <vector>

#include "net/request_table.h"
#include "tests/net/fuzz_input.h"

namespace caravan::net {
namespace {

// Reads all of what it says it has.
template <typename T>
void Touch(const absl::StatusOr<std::span<const T>>& values) {
  if (!values.ok()) return;
  uint64_t sum = 0;
  for (const T& value : *values) sum += value == T{} ? 0 : 1;
  if (sum > values->size()) std::abort();
}

void Read(Message message) {
  const absl::StatusOr<Header> header = ParseHeader(message);
  std::vector<float> floats;
  std::vector<uint64_t> keys;
  for (size_t frame = 0; frame <= message.frames.size(); ++frame) {
    Touch(FloatFrame(message, frame, floats));
    Touch(KeyFrame(message, frame, keys));
  }
  if (header.ok()) {
    KeysSignature(keys, header->pull().spans());
    // What was read is written and read again as the same.
    const absl::StatusOr<Header> again = ParseHeader(MakeMessage(*header));
    if (!again.ok() || again->SerializeAsString() != header->SerializeAsString()) std::abort();
  }
  RequestTable table({});
  const uint64_t ticket = table.Start(0, Header(), {}, Millis{0});
  if (table.Keep(0, std::move(message)) && table.IsAnswered(ticket)) table.TakeAnswer(ticket);
}

}  // namespace
}  // namespace caravan::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (caravan::net::Message& message : caravan::net::TakeMessages({data, size})) {
    caravan::net::Read(std::move(message));
  }
  return 0;
}
