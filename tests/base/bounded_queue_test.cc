#include "base/bounded_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace caravan {
namespace {

TEST(BoundedQueueTest, GivesValuesInOrder) {
  BoundedQueue<int> queue(3);
  EXPECT_TRUE(queue.Push(1));
  EXPECT_TRUE(queue.Push(2));
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), 2);
  EXPECT_EQ(queue.Size(), 0U);
}

TEST(BoundedQueueTest, FullQueueRefusesAfterTheTimeoutAndKeepsTheValue) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  EXPECT_TRUE(queue.Push(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(queue.Push(std::move(second), absl::Milliseconds(1)));
  EXPECT_EQ(*second, 2);  // NOLINT(bugprone-use-after-move): a refused value stays with its owner
}

TEST(BoundedQueueTest, EmptyQueueGivesNothingAfterTheTimeout) {
  BoundedQueue<int> queue(1);
  EXPECT_EQ(queue.Pop(absl::Milliseconds(1)), std::nullopt);
}

TEST(BoundedQueueTest, CloseWakesAWaiterAndLeavesWhatIsQueued) {
  BoundedQueue<int> queue(2);
  EXPECT_TRUE(queue.Push(7));
  std::thread closer([&] { queue.Close(); });
  closer.join();
  EXPECT_FALSE(queue.Push(8));
  EXPECT_EQ(queue.Pop(), 7);
  EXPECT_EQ(queue.Pop(), std::nullopt);
  EXPECT_TRUE(queue.IsClosed());
}

TEST(BoundedQueueTest, NothingIsLostBetweenManyThreads) {
  constexpr int kEach = 2000;
  BoundedQueue<int> queue(4);
  int64_t sum = 0;
  std::thread consumer([&] {
    while (auto value = queue.Pop()) sum += *value;
  });
  {
    std::vector<std::jthread> producers;
    for (int p = 0; p < 3; ++p) {
      producers.emplace_back([&] {
        for (int i = 1; i <= kEach; ++i) queue.Push(int{i});
      });
    }
  }
  queue.Close();
  consumer.join();
  EXPECT_EQ(sum, int64_t{3} * kEach * (kEach + 1) / 2);
}

}  // namespace
}  // namespace caravan
