// net::RequestClient over the simulated network: the real table of requests, no socket. It never
// waits: Await is called only once IsAnswered.
#ifndef CARAVAN_TESTS_SIM_CLIENT_H_
#define CARAVAN_TESTS_SIM_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/request_client.h"
#include "tests/sim/network.h"

namespace caravan::sim {

class Client final : public net::RequestClient {
 public:
  // `address`: its own, unlike anybody else's. `arrived` is called behind each answer, and when the
  // time may have come to give up.
  Client(EventLoop* loop, Network* network, std::string address, std::vector<std::string> peers,
         const Options& options, std::function<void()> arrived);
  ~Client() override;

  size_t peers() const override { return peers_.size(); }
  void SetRun(uint64_t run_id, uint32_t routing_epoch) override {
    table_.SetRun(run_id, routing_epoch);
  }
  void SetGiveUpAfter(Millis give_up_after) override { table_.SetGiveUpAfter(give_up_after); }
  void Reroute(std::vector<std::string> endpoints, uint32_t routing_epoch) override;
  uint32_t routing_epoch() const override { return table_.routing_epoch(); }
  uint64_t Start(size_t peer, net::Header header, std::vector<net::Frame> frames) override;
  absl::StatusOr<net::Answer> Await(uint64_t ticket) override;
  bool IsAnswered(uint64_t ticket) override;
  void Forget(uint64_t ticket) override { table_.Forget(ticket); }
  void Cancel() override {}
  std::string Waiting() const override;
  uint64_t bytes_sent() const override { return 0; }
  uint64_t bytes_received() const override { return 0; }
  uint64_t answers_dropped() const override { return answers_dropped_; }

 private:
  void Receive(const std::string& from, net::Message message);
  void RepeatOverdue();

  EventLoop* const loop_;
  Network* const network_;
  const std::string address_;
  std::vector<std::string> peers_;
  const Millis repeat_after_;
  const std::function<void()> arrived_;
  net::RequestTable table_;
  bool repeats_ = false;  // RepeatOverdue is under way
  uint64_t answers_dropped_ = 0;
  std::shared_ptr<int> life_ = std::make_shared<int>(0);  // callbacks hold a weak one
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_CLIENT_H_
