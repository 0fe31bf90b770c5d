// Whatever bytes come, a lane answers and lives.
#include <cstring>

#include <gtest/gtest.h>

#include "base/random.h"
#include "lane_fixture.h"

namespace caravan::ps {
namespace {

net::Message Copy(const net::Message& message) {
  net::Message copy;
  for (const net::Frame& frame : message.frames) {
    copy.frames.emplace_back(frame.data(), frame.size());
  }
  return copy;
}

// One or a few of: flipped bits, a frame cut, grown, dropped, doubled or filled with noise.
void Mutate(net::Message& message, RandomStream& stream) {
  for (uint64_t changes = 1 + stream.NextBelow(3); changes > 0 && !message.frames.empty();
       --changes) {
    const size_t at = stream.NextBelow(message.frames.size());
    net::Frame& frame = message.frames[at];
    auto* bytes = static_cast<uint8_t*>(frame.data());
    switch (stream.NextBelow(6)) {
      case 0:
      case 1:
        if (frame.size() > 0) {
          bytes[stream.NextBelow(frame.size())] ^= static_cast<uint8_t>(1U << stream.NextBelow(8));
        }
        break;
      case 2: {
        net::Frame cut(stream.NextBelow(frame.size() + 1));
        std::memcpy(cut.data(), bytes, cut.size());
        frame = std::move(cut);
        break;
      }
      case 3: {
        net::Frame grown(frame.size() + stream.NextBelow(20));
        std::memset(grown.data(), 0x5a, grown.size());
        if (frame.size() > 0) std::memcpy(grown.data(), bytes, frame.size());
        frame = std::move(grown);
        break;
      }
      case 4:
        message.frames.erase(message.frames.begin() + static_cast<ptrdiff_t>(at));
        break;
      default:
        for (size_t i = 0; i < std::min<size_t>(frame.size(), 64); ++i) {
          bytes[i] = static_cast<uint8_t>(stream.NextBits());
        }
    }
  }
}

TEST(GarbageTest, ThousandsOfMutatedRequestsAreAnsweredAndTheLaneLives) {
  const TestFolder folder;
  conf::RunSpec spec = SmallSpec();
  spec.mutable_model()->mutable_tensors(0)->set_dimensions(0, 3);  // small frames, more rounds
  Lanes lanes(folder, spec, 1);
  const Lanes::Keys keys = {{1, 2, 3, 500}, {2, 9}};
  std::vector<net::Message> valid;
  valid.push_back(lanes.PullMessage(0, keys));
  valid.push_back(lanes.PushMessage(0, keys, Tag(0, 0, 0)));
  valid.push_back(lanes.PushMessage(0, keys, Tag(1, 3, 0)));
  for (int kind = 0; kind < 3; ++kind) {
    net::Header header = RunHeader();
    if (kind == 0) header.mutable_mark_query()->set_block(3);
    if (kind == 1) header.mutable_ledger_query()->set_epoch(1);
    if (kind == 2) header.mutable_save_checkpoint()->set_directory(folder.path() + "/missing");
    valid.push_back(net::MakeMessage(header));
  }
  RandomStream stream(2026);
  int refused = 0;
  for (int round = 0; round < 8000; ++round) {
    net::Message message = Copy(valid[stream.NextBelow(valid.size())]);
    Mutate(message, stream);
    const net::Message answer = lanes.lane(0).HandleNow(message);
    const absl::StatusOr<net::Reply> reply = net::ParseReply(answer);
    ASSERT_TRUE(reply.ok()) << "round " << round;
    ASSERT_TRUE(reply->has_code()) << "round " << round;
    refused += reply->code() == net::OK ? 0 : 1;
  }
  EXPECT_GT(refused, 4000);
  EXPECT_EQ(ReplyOf(lanes.lane(0).HandleNow(valid[0])).code(), net::OK);
  EXPECT_EQ(ReplyOf(lanes.lane(0).HandleNow(lanes.PushMessage(0, keys, Tag(9, 900, 0)))).code(),
            net::OK);
}

}  // namespace
}  // namespace caravan::ps
