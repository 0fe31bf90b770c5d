#include "net/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "base/random.h"

namespace caravan::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MessageTest, HeaderAndFramesComeBackAsTheyWere) {
  Header header;
  header.set_request_id(7);
  header.mutable_pull()->set_keys_signature(99);
  Message message = MakeMessage(header);
  AddFrame(message, std::vector<uint64_t>{3, 5, 8});
  AddFrame(message, std::vector<float>{0.5F, -1});
  AddFrame(message, std::vector<float>{});

  const absl::StatusOr<Header> parsed = ParseHeader(message);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->request_id(), 7);
  EXPECT_EQ(parsed->pull().keys_signature(), 99);
  std::vector<uint64_t> key_storage;
  std::vector<float> float_storage;
  EXPECT_THAT(*KeyFrame(message, 1, key_storage), ElementsAre(3, 5, 8));
  EXPECT_THAT(*FloatFrame(message, 2, float_storage), ElementsAre(0.5F, -1));
  EXPECT_TRUE(FloatFrame(message, 3, float_storage)->empty());
}

TEST(MessageTest, VectorsAreHandedOverWithoutACopy) {
  std::vector<float> values(1000, 2.0F);
  const float* const address = values.data();
  Message message;
  AddFrame(message, std::move(values));
  EXPECT_EQ(static_cast<const void*>(message.frames[0].data()), address);
}

TEST(MessageTest, UnalignedFramesAreCopiedToStorage) {
  // Messages of up to 33 bytes lie inside ZeroMQ's own struct, wherever that puts them.
  for (size_t count = 1; count < 12; ++count) {
    std::vector<uint64_t> keys(count);
    std::iota(keys.begin(), keys.end(), 100);
    Message message;
    AddFrame(message, std::as_bytes(std::span(keys)));
    std::vector<uint64_t> storage;
    const auto view = KeyFrame(message, 0, storage);
    ASSERT_TRUE(view.ok());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(view->data()) % alignof(uint64_t), 0);
    EXPECT_EQ(std::vector<uint64_t>(view->begin(), view->end()), keys);
  }
}

TEST(MessageTest, ASizeThatDoesNotFitIsNamed) {
  Message message;
  const std::vector<std::byte> bytes(10);
  AddFrame(message, bytes);
  std::vector<float> storage;
  EXPECT_THAT(std::string(FloatFrame(message, 0, storage).status().message()),
              HasSubstr("10 bytes, which is no multiple of 4"));
  EXPECT_THAT(std::string(FloatFrame(message, 1, storage).status().message()),
              HasSubstr("frame 1 (f32[]) is missing"));
}

TEST(MessageTest, GarbageIsRefusedAndNeverCrashes) {
  RandomStream random(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::byte> bytes(random.NextBelow(64));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.NextBits());
    Message message;
    AddFrame(message, bytes);
    // Random bytes may happen to be a header; what matters is that parsing them ends well.
    const absl::StatusOr<Header> header = ParseHeader(message);
    if (!header.ok()) {
      EXPECT_EQ(header.status().code(), absl::StatusCode::kInvalidArgument);
    }
  }
  Message cut = MakeError(1, FAILED, "a text that is cut in its middle");
  Message half;
  AddFrame(half, std::as_bytes(std::span(cut.frames[0].data<char>(), cut.frames[0].size() / 2)));
  EXPECT_EQ(ParseReply(half).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseHeader(Message()).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(MessageTest, AnOversizeHeaderIsNotParsed) {
  Message message;
  message.frames.emplace_back(kHeaderBytesMax + 1);
  EXPECT_THAT(std::string(ParseHeader(message).status().message()), HasSubstr("at most"));
}

TEST(KeysSignatureTest, FollowsKeysAndSpans) {
  google::protobuf::RepeatedPtrField<TableSpan> spans;
  spans.Add()->set_table(1);
  spans.Mutable(0)->set_keys(2);
  const std::vector<uint64_t> keys = {4, 9};
  const uint64_t signature = KeysSignature(keys, spans);
  EXPECT_EQ(KeysSignature(keys, spans), signature);
  EXPECT_NE(KeysSignature(std::vector<uint64_t>{4, 10}, spans), signature);
  spans.Mutable(0)->set_table(2);
  EXPECT_NE(KeysSignature(keys, spans), signature);
}

}  // namespace
}  // namespace caravan::net
