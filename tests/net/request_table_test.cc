#include "net/request_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caravan::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RequestTableTest : public ::testing::Test {
 protected:
  uint64_t Start(size_t peer, Millis now) {
    Header header;
    header.mutable_ledger_query();
    return table_.Start(peer, header, {}, now);
  }
  static Message ReplyTo(uint64_t ticket, Code code) {
    Reply reply;
    reply.set_request_id(ticket);
    reply.set_code(code);
    return MakeMessage(reply);
  }

  RequestTable table_{{.repeat_after = Millis{10}, .give_up_after = Millis{100}, .run_id = 7}};
};

TEST_F(RequestTableTest, OverdueRequestsAreRepeatedInTheirOrder) {
  const uint64_t first = Start(0, Millis{0});
  const uint64_t second = Start(1, Millis{5});
  EXPECT_THAT(table_.TakeOverdue(Millis{9}), IsEmpty());
  EXPECT_THAT(table_.TakeOverdue(Millis{10}), ElementsAre(first));
  EXPECT_THAT(table_.TakeOverdue(Millis{20}), ElementsAre(first, second));
  EXPECT_THAT(table_.TakeOverdue(Millis{21}), IsEmpty());
}

TEST_F(RequestTableTest, AnAnswerCountsOnceAndFromItsPeerAlone) {
  const uint64_t ticket = Start(1, Millis{0});
  EXPECT_FALSE(table_.Keep(0, ReplyTo(ticket, OK)));
  EXPECT_FALSE(table_.IsAnswered(ticket));
  EXPECT_TRUE(table_.Keep(1, ReplyTo(ticket, OK)));
  EXPECT_FALSE(table_.Keep(1, ReplyTo(ticket, OK)));
  EXPECT_TRUE(table_.TakeAnswer(ticket).has_value());
  EXPECT_FALSE(table_.TakeAnswer(ticket).has_value());
}

TEST_F(RequestTableTest, GarbageAnswersNothing) {
  const uint64_t ticket = Start(0, Millis{0});
  Message garbage;
  garbage.frames.emplace_back("\xff\xff\xff", 3);
  EXPECT_FALSE(table_.Keep(0, std::move(garbage)));
  EXPECT_FALSE(table_.Keep(0, Message{}));
  EXPECT_FALSE(table_.IsAnswered(ticket));
}

TEST_F(RequestTableTest, AWrongRouteWaitsForALaterRouting) {
  table_.SetRun(7, 1);
  const uint64_t ticket = Start(0, Millis{0});
  EXPECT_TRUE(table_.Keep(0, ReplyTo(ticket, WRONG_ROUTE)));
  EXPECT_FALSE(table_.IsAnswered(ticket));
  EXPECT_THAT(table_.Reroute(2, Millis{3}), ElementsAre(ticket));
  EXPECT_EQ(ParseHeader(table_.MessageOf(ticket))->routing_epoch(), 2U);
  // It counts as sent then.
  EXPECT_THAT(table_.TakeOverdue(Millis{12}), IsEmpty());
  EXPECT_THAT(table_.TakeOverdue(Millis{13}), ElementsAre(ticket));
}

TEST_F(RequestTableTest, TheDeadlineNamesTheRequestAndThePeer) {
  const uint64_t ticket = Start(0, Millis{0});
  EXPECT_TRUE(table_.CheckDeadline(ticket, Millis{99}, "lane 3").ok());
  const absl::Status late = table_.CheckDeadline(ticket, Millis{100}, "lane 3");
  EXPECT_TRUE(absl::IsDeadlineExceeded(late));
  EXPECT_THAT(std::string(late.message()), ::testing::HasSubstr("ledger_query from lane 3"));
  table_.Forget(ticket);
  EXPECT_TRUE(absl::IsInvalidArgument(table_.CheckDeadline(ticket, Millis{100}, "lane 3")));
}

}  // namespace
}  // namespace caravan::net
