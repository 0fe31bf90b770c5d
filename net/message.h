// A multipart message of the wire: frame 0 a serialised Header or Reply, raw frames behind it.
// Frames own their bytes (ZeroMQ's, read in place) and are 8-byte aligned when made here; what was
// received is checked for alignment and size before a typed view is given.
#ifndef CARAVAN_NET_MESSAGE_H_
#define CARAVAN_NET_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <zmq.hpp>

#include "absl/status/statusor.h"
#include "net/wire.pb.h"

namespace caravan::net {

using Frame = zmq::message_t;

struct Message {
  std::vector<Frame> frames;  // [0] header or reply
};

// Limits that a receiver enforces before it looks inside.
inline constexpr size_t kFramesMax = 8;
inline constexpr size_t kHeaderBytesMax = 16 << 20;
inline constexpr int64_t kFrameBytesMax = int64_t{2} << 30;

// Frame 0 from a Header or Reply; raw frames are appended by AddFrame.
Message MakeMessage(const Header& header);
Message MakeMessage(const Reply& reply);
Message MakeError(uint64_t request_id, Code code, std::string_view text);

// Copies `bytes` into a new frame.
void AddFrame(Message& message, std::span<const std::byte> bytes);
// Hands `values` over without a copy.
void AddFrame(Message& message, std::vector<float> values);
void AddFrame(Message& message, std::vector<uint64_t> values);

// Frame 0 parsed; INVALID_ARGUMENT says what is wrong with it (missing, too long, not a Header).
absl::StatusOr<Header> ParseHeader(const Message& message);
absl::StatusOr<Reply> ParseReply(const Message& message);

// Frame `index` as values; errors when it is missing or its size is no multiple of the element's.
// An empty frame is an empty span. The span lives as long as the message and is not moved by a
// move. `storage` is filled and viewed when the bytes are not aligned for the type.
absl::StatusOr<std::span<const float>> FloatFrame(const Message& message, size_t index,
                                                  std::vector<float>& storage);
absl::StatusOr<std::span<const uint64_t>> KeyFrame(const Message& message, size_t index,
                                                   std::vector<uint64_t>& storage);

// Signature of a key list with its spans: what keys_signature holds.
uint64_t KeysSignature(std::span<const uint64_t> keys,
                       const google::protobuf::RepeatedPtrField<TableSpan>& spans);

}  // namespace caravan::net

#endif  // CARAVAN_NET_MESSAGE_H_
