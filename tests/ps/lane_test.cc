#include "ps/lane.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "lane_fixture.h"
#include "net/bf16.h"

namespace caravan::ps {
namespace {

const Lanes::Keys kKeys = {{1, 2, 3, 500, uint64_t{1} << 60}, {2, 9}};

net::Reply Ask(Lane& lane, const net::Header& header) {
  return ReplyOf(lane.HandleNow(net::MakeMessage(header)));
}

uint32_t MarkOf(Lane& lane, uint32_t epoch, uint32_t block) {
  net::Header header = RunHeader();
  header.mutable_mark_query()->set_epoch(epoch);
  header.mutable_mark_query()->set_block(block);
  return Ask(lane, header).mark().mark();
}

uint64_t LedgerOf(Lane& lane, uint32_t epoch) {
  net::Header header = RunHeader();
  header.mutable_ledger_query()->set_epoch(epoch);
  const net::Reply reply = Ask(lane, header);
  EXPECT_GT(reply.ledger().samples_size(), 0);
  for (const uint64_t samples : reply.ledger().samples()) {
    EXPECT_EQ(samples, reply.ledger().samples(0));
  }
  return reply.ledger().samples(0);
}

TEST(LaneTest, PullDoesNotMakeRowsAndRepeatsItself) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 2);
  const auto first = lanes.Pull(kKeys, nullptr);
  EXPECT_EQ(first, lanes.Pull(kKeys, nullptr));
  EXPECT_EQ(lanes.lane(0).rows() + lanes.lane(1).rows(), 0U);
  EXPECT_EQ(first.size(), 7U);
  EXPECT_NE(first.at({0, 1}), first.at({0, 2}));
}

TEST(LaneTest, StateDoesNotDependOnTheNumberOfLanes) {
  const TestFolder folder;
  Lanes one(folder, SmallSpec(), 1);
  Lanes five(folder, SmallSpec(), 5);
  for (uint32_t batch = 0; batch < 4; ++batch) {
    for (Lanes* lanes : {&one, &five}) {
      for (const net::Reply& reply : lanes->Push(kKeys, Tag(0, 0, batch))) {
        ASSERT_EQ(reply.push().outcome(), net::PushReply::APPLIED) << reply.message();
      }
    }
  }
  std::vector<float> dense_of_one;
  std::vector<float> dense_of_five;
  EXPECT_EQ(one.Pull(kKeys, &dense_of_one), five.Pull(kKeys, &dense_of_five));
  EXPECT_EQ(dense_of_one, dense_of_five);
  EXPECT_EQ(one.lane(0).rows(), 7U);
}

TEST(LaneTest, ARepeatedPushIsDroppedAndOneTooEarlyRefused) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 1);
  ASSERT_EQ(lanes.Push(kKeys, Tag(0, 4, 0))[0].push().outcome(), net::PushReply::APPLIED);
  const auto after_one = lanes.Pull(kKeys, nullptr);
  EXPECT_EQ(lanes.Push(kKeys, Tag(0, 4, 0))[0].push().outcome(), net::PushReply::ALREADY_APPLIED);
  const net::PushReply early = lanes.Push(kKeys, Tag(0, 4, 2))[0].push();
  EXPECT_EQ(early.outcome(), net::PushReply::OUT_OF_ORDER);
  EXPECT_EQ(early.expected(), 1U);
  EXPECT_EQ(after_one, lanes.Pull(kKeys, nullptr));
  EXPECT_EQ(MarkOf(lanes.lane(0), 0, 4), 1U);
  EXPECT_EQ(MarkOf(lanes.lane(0), 0, 5), 0U);
  EXPECT_EQ(LedgerOf(lanes.lane(0), 0), 8U);
  EXPECT_EQ(lanes.Push(kKeys, Tag(0, 4, 1, 3))[0].push().outcome(), net::PushReply::APPLIED);
  EXPECT_EQ(LedgerOf(lanes.lane(0), 0), 11U);
}

TEST(LaneTest, ALaterEpochEndsTheOneBefore) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 1);
  lanes.Push(kKeys, Tag(0, 0, 0));
  EXPECT_EQ(lanes.Push(kKeys, Tag(1, 0, 0, 5))[0].push().outcome(), net::PushReply::APPLIED);
  EXPECT_EQ(lanes.Push(kKeys, Tag(0, 0, 1))[0].push().outcome(), net::PushReply::ALREADY_APPLIED);
  EXPECT_EQ(LedgerOf(lanes.lane(0), 0), 8U);
  EXPECT_EQ(LedgerOf(lanes.lane(0), 1), 5U);
  EXPECT_GT(MarkOf(lanes.lane(0), 0, 0), 1000U);  // all of it, however many there were
}

TEST(LaneTest, AnUnchangedChunkIsNotSentAgain) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 1);
  net::Header header = RunHeader();
  for (int i = 0; i < 3; ++i) header.mutable_pull()->add_chunk_versions(0);
  const net::Reply first = Ask(lanes.lane(0), header);
  ASSERT_EQ(first.pull().changed_chunks_size(), 3);
  *header.mutable_pull()->mutable_chunk_versions() = first.pull().changed_versions();
  EXPECT_EQ(Ask(lanes.lane(0), header).pull().changed_chunks_size(), 0);
  lanes.Push(kKeys, Tag(0, 0, 0));
  EXPECT_EQ(Ask(lanes.lane(0), header).pull().changed_chunks_size(), 3);
}

TEST(LaneTest, L2FallsOnTheTensorsThatHaveIt) {
  const TestFolder folder;
  conf::RunSpec spec = SmallSpec();
  spec.mutable_job()->mutable_training()->mutable_optimizer()->mutable_sgd()->set_learning_rate(1);
  Lanes lanes(folder, spec, 1);
  std::vector<float> before;
  lanes.Pull(kKeys, &before);
  net::Header header = RunHeader();
  *header.mutable_push()->mutable_tag() = Tag(0, 0, 0);
  net::Message push = net::MakeMessage(header);
  net::AddFrame(push, std::vector<uint64_t>());
  net::AddFrame(push, std::vector<float>());
  net::AddFrame(push, std::vector<float>(before.size()));
  ASSERT_EQ(ReplyOf(lanes.lane(0).HandleNow(push)).push().outcome(), net::PushReply::APPLIED);
  std::vector<float> after;
  lanes.Pull(kKeys, &after);
  for (size_t i = 0; i < 20000; ++i) ASSERT_NEAR(after[i], before[i] * (1 - 2 * 0.01F), 1e-6) << i;
  for (size_t i = 20000; i < before.size(); ++i) ASSERT_EQ(after[i], before[i]) << i;
}

// Rounded values are pushed widened to one lane and as 16 bits to another: the state is the same.
TEST(LaneTest, DenseValuesTravelIn16Bits) {
  const TestFolder folders[2];
  Lanes wide(folders[0], SmallSpec(), 1);
  Lanes narrow(folders[1], SmallSpec(), 1);
  net::Message push = wide.PushMessage(0, kKeys, Tag(0, 0, 0));
  net::Header header = *net::ParseHeader(push);
  std::vector<float> floats(push.frames[3].data<float>(),
                            push.frames[3].data<float>() + push.frames[3].size() / sizeof(float));
  std::vector<uint16_t> halves(floats.size());
  RoundToBf16(floats, std::span<uint16_t>(halves));
  for (size_t i = 0; i < floats.size(); ++i) floats[i] = FromBf16(halves[i]);
  push.frames[3] = net::Frame(floats.data(), floats.size() * sizeof(float));
  ASSERT_EQ(ReplyOf(wide.lane(0).HandleNow(push)).push().outcome(), net::PushReply::APPLIED);
  header.mutable_push()->set_dense_bf16(true);
  push.frames[0] = std::move(net::MakeMessage(header).frames[0]);
  push.frames[3] = net::Frame(halves.data(), halves.size() * sizeof(uint16_t));
  ASSERT_EQ(ReplyOf(narrow.lane(0).HandleNow(push)).push().outcome(), net::PushReply::APPLIED);

  std::vector<float> expected;
  std::vector<float> found;
  EXPECT_EQ(wide.Pull(kKeys, &expected), narrow.Pull(kKeys, &found));
  EXPECT_EQ(found, expected);
  net::Header pull = RunHeader();
  pull.mutable_pull()->set_dense_bf16(true);
  for (int i = 0; i < 3; ++i) pull.mutable_pull()->add_chunk_versions(0);
  const net::Message answer = narrow.lane(0).HandleNow(net::MakeMessage(pull));
  std::vector<float> storage;
  const auto rounded = net::Bf16Frame(answer, 2, storage);
  ASSERT_TRUE(rounded.ok()) << rounded.status();
  ASSERT_EQ(rounded->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ((*rounded)[i], FromBf16(ToBf16(expected[i]))) << i;
  }
}

TEST(LaneTest, ASignatureStandsForKeysThatWereSent) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 1);
  net::Message push = lanes.PushMessage(0, kKeys, Tag(0, 0, 0));
  push.frames[1] = net::Frame();
  EXPECT_EQ(ReplyOf(lanes.lane(0).HandleNow(push)).code(), net::UNKNOWN_KEYS);
  lanes.Pull(kKeys, nullptr);
  EXPECT_EQ(ReplyOf(lanes.lane(0).HandleNow(push)).push().outcome(), net::PushReply::APPLIED);
}

TEST(LaneTest, PeersOfAnotherRunOrAnOldRoutingAreToldSo) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 1);
  net::Header header = RunHeader();
  header.mutable_mark_query();
  header.set_run_id(kRunId + 1);
  EXPECT_EQ(Ask(lanes.lane(0), header).code(), net::WRONG_RUN);
  header.set_run_id(kRunId);
  lanes.lane(0).SetRoutingEpoch(2);
  header.set_routing_epoch(1);
  EXPECT_EQ(Ask(lanes.lane(0), header).code(), net::WRONG_ROUTE);
  header.set_routing_epoch(2);
  EXPECT_EQ(Ask(lanes.lane(0), header).code(), net::OK);
}

struct Bad {
  std::string name;
  std::function<void(net::Header&, net::Message&)> spoil;
  std::string says;
};

void SetFloats(net::Message& message, size_t frame, size_t count, float value) {
  const std::vector<float> values(count, value);
  message.frames[frame] = net::Frame(values.data(), values.size() * sizeof(float));
}

TEST(LaneTest, ABadPushIsInvalidAndChangesNothing) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 1);
  const std::vector<Bad> all = {
      {"no tag", [](auto& h, auto&) { h.mutable_push()->clear_tag(); }, "without epoch"},
      {"epoch", [](auto& h, auto&) { h.mutable_push()->mutable_tag()->set_epoch(10); },
       "10 epochs"},
      {"samples", [](auto& h, auto&) { h.mutable_push()->mutable_tag()->set_samples(9); },
       "9 samples"},
      {"scale", [](auto& h, auto&) { h.mutable_push()->set_learning_rate_scale(NAN); },
       "learning_rate_scale"},
      {"table", [](auto& h, auto&) { h.mutable_push()->mutable_spans(1)->set_table(2); },
       "the model has 2"},
      {"order of tables", [](auto& h, auto&) { h.mutable_push()->mutable_spans(1)->set_table(0); },
       "spans ascend"},
      {"count", [](auto& h, auto&) { h.mutable_push()->mutable_spans(0)->set_keys(6); },
       "7 keys came"},
      {"signature", [](auto& h, auto&) { h.mutable_push()->set_keys_signature(1); }, "signature"},
      {"order of keys",
       [](auto& h, auto& m) {
         static_cast<uint64_t*>(m.frames[1].data())[0] = 2;
         h.mutable_push()->clear_keys_signature();
       },
       "keys ascend"},
      {"odd keys", [](auto&, auto& m) { m.frames[1] = net::Frame(9); }, "no multiple"},
      {"few row gradients", [](auto&, auto& m) { SetFloats(m, 2, 3, 0); }, "3 row gradients"},
      {"few dense gradients", [](auto&, auto& m) { SetFloats(m, 3, 3, 0); }, "3 dense gradients"},
      {"NaN", [](auto&, auto& m) { SetFloats(m, 2, 26, NAN); }, "epoch 0 block 1 batch 0: row"},
      {"infinity",
       [](auto&, auto& m) { SetFloats(m, 3, 20007, std::numeric_limits<float>::infinity()); },
       "dense gradients hold NaN"},
  };
  uint64_t rejected = 0;
  for (const Bad& bad : all) {
    net::Message message = lanes.PushMessage(0, kKeys, Tag(0, 1, 0));
    net::Header header = *net::ParseHeader(message);
    bad.spoil(header, message);
    message.frames[0] = std::move(net::MakeMessage(header).frames[0]);
    const net::Reply reply = ReplyOf(lanes.lane(0).HandleNow(message));
    EXPECT_EQ(reply.code(), net::INVALID) << bad.name;
    EXPECT_NE(reply.message().find(bad.says), std::string::npos)
        << bad.name << ": " << reply.message();
    EXPECT_EQ(reply.request_id(), 9U);
    EXPECT_EQ(lanes.lane(0).counters().requests_rejected, ++rejected);
  }
  EXPECT_EQ(lanes.lane(0).rows(), 0U);
  EXPECT_EQ(MarkOf(lanes.lane(0), 0, 1), 0U);
}

TEST(LaneTest, KeysOfAnotherLaneAreRefused) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 2);
  const net::Reply reply = ReplyOf(lanes.lane(1).HandleNow(lanes.PullMessage(0, kKeys)));
  EXPECT_EQ(reply.code(), net::INVALID);
}

TEST(LaneTest, ABatchLargerThanTheBudgetFailsAndTheLaneGoesOn) {
  const TestFolder folder;
  Lanes lanes(folder, SmallSpec(), 1);
  Lanes::Keys many(2);
  for (uint64_t key = 0; key < 20000; ++key) many[0].push_back(key);
  const net::Reply reply = lanes.Push(many, Tag(0, 0, 0))[0];
  EXPECT_EQ(reply.code(), net::FAILED);
  EXPECT_NE(reply.message().find("hot_rows_mebibytes"), std::string::npos) << reply.message();
  EXPECT_EQ(lanes.Push(kKeys, Tag(0, 0, 0))[0].push().outcome(), net::PushReply::APPLIED);
}

}  // namespace
}  // namespace caravan::ps
