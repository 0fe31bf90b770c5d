#include "net/message.h"

#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "fmt/format.h"

namespace caravan::net {
namespace {

template <typename Proto>
Message SerialiseToMessage(const Proto& proto) {
  Frame frame(proto.ByteSizeLong());
  proto.SerializeWithCachedSizesToArray(static_cast<uint8_t*>(frame.data()));
  Message message;
  message.frames.push_back(std::move(frame));
  return message;
}

// The frame owns the vector; ZeroMQ's I/O thread frees it when the bytes are gone.
template <typename T>
void AddVectorFrame(Message& message, std::vector<T> values) {
  if (values.empty()) {
    message.frames.emplace_back();
    return;
  }
  auto owned = std::make_unique<std::vector<T>>(std::move(values));
  message.frames.emplace_back(
      owned->data(), owned->size() * sizeof(T),
      [](void*, void* hint) {
        TakeOver(hint);
        delete static_cast<std::vector<T>*>(hint);
      },
      owned.get());
  HandOver(owned.release());
}

template <typename Proto>
absl::StatusOr<Proto> ParseFirstFrame(const Message& message, std::string_view kind) {
  if (message.frames.empty()) {
    return absl::InvalidArgumentError(fmt::format("a message without frames is no {}", kind));
  }
  const Frame& frame = message.frames[0];
  if (frame.size() > kHeaderBytesMax) {
    return absl::InvalidArgumentError(fmt::format("frame 0 has {} bytes; a {} has at most {}",
                                                  frame.size(), kind, kHeaderBytesMax));
  }
  Proto proto;
  if (!proto.ParseFromArray(frame.data(), static_cast<int>(frame.size()))) {
    return absl::InvalidArgumentError(
        fmt::format("frame 0 ({} bytes) is no {}", frame.size(), kind));
  }
  return proto;
}

template <typename T>
absl::StatusOr<std::span<const T>> TypedFrame(const Message& message, size_t index,
                                              std::vector<T>& storage, std::string_view kind) {
  if (index >= message.frames.size()) {
    return absl::InvalidArgumentError(fmt::format(
        "frame {} ({}) is missing: the message has {} frames", index, kind, message.frames.size()));
  }
  const Frame& frame = message.frames[index];
  if (frame.size() % sizeof(T) != 0) {
    return absl::InvalidArgumentError(
        fmt::format("frame {} has {} bytes, which is no multiple of {} ({})", index, frame.size(),
                    sizeof(T), kind));
  }
  const size_t count = frame.size() / sizeof(T);
  if (count == 0) return std::span<const T>();
  if (reinterpret_cast<uintptr_t>(frame.data()) % alignof(T) == 0) {
    return std::span<const T>(static_cast<const T*>(frame.data()), count);
  }
  storage.resize(count);
  std::memcpy(storage.data(), frame.data(), frame.size());
  return std::span<const T>(storage);
}

}  // namespace

Message MakeMessage(const Header& header) { return SerialiseToMessage(header); }
Message MakeMessage(const Reply& reply) { return SerialiseToMessage(reply); }

Message MakeError(uint64_t request_id, Code code, std::string_view text) {
  Reply reply;
  reply.set_request_id(request_id);
  reply.set_code(code);
  reply.set_message(text.data(), text.size());
  return MakeMessage(reply);
}

void AddFrame(Message& message, std::span<const std::byte> bytes) {
  message.frames.emplace_back(bytes.data(), bytes.size());
}
void AddFrame(Message& message, std::vector<float> values) {
  AddVectorFrame(message, std::move(values));
}
void AddFrame(Message& message, std::vector<uint64_t> values) {
  AddVectorFrame(message, std::move(values));
}

absl::StatusOr<Header> ParseHeader(const Message& message) {
  return ParseFirstFrame<Header>(message, "request header");
}
absl::StatusOr<Reply> ParseReply(const Message& message) {
  return ParseFirstFrame<Reply>(message, "reply");
}

absl::StatusOr<std::span<const float>> FloatFrame(const Message& message, size_t index,
                                                  std::vector<float>& storage) {
  return TypedFrame<float>(message, index, storage, "f32[]");
}
absl::StatusOr<std::span<const uint64_t>> KeyFrame(const Message& message, size_t index,
                                                   std::vector<uint64_t>& storage) {
  return TypedFrame<uint64_t>(message, index, storage, "u64[]");
}

uint64_t KeysSignature(std::span<const uint64_t> keys,
                       const google::protobuf::RepeatedPtrField<TableSpan>& spans) {
  uint64_t signature = HashBytes(std::as_bytes(keys));
  for (const TableSpan& span : spans) {
    signature = CombineHash(signature, (uint64_t{span.table()} << 32) | span.keys());
  }
  return signature;
}

}  // namespace caravan::net
