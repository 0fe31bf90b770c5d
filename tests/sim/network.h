// The simulated network: messages between addresses of hosts, lost, late, twice and out of order as
// the seed has it, and hosts cut off from each other for a while. Worse than ZeroMQ, which keeps
// the order of a connection: a protocol that holds here holds there.
#ifndef CARAVAN_TESTS_SIM_NETWORK_H_
#define CARAVAN_TESTS_SIM_NETWORK_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "base/random.h"
#include "net/message.h"
#include "tests/sim/event_loop.h"
#include "tests/sim/trace.h"

namespace caravan::sim {

// In a thousand messages.
struct NetworkFaults {
  uint32_t lost = 0;
  uint32_t twice = 0;
  uint32_t late = 0;
  Millis delay_max{2};
  Millis late_max{2000};
};

class Network {
 public:
  using Receiver = std::function<void(const std::string& from, net::Message message)>;

  Network(EventLoop* loop, Trace* trace, const NetworkFaults& faults, RandomStream random)
      : loop_(loop), trace_(trace), faults_(faults), random_(random) {}

  // Messages to `address` ("host/part") go to `receiver` until Close. An address whose owner has
  // died may be taken by its next incarnation, which then gets what was on its way to the dead.
  void Listen(const std::string& address, Receiver receiver);
  void Close(const std::string& address) { receivers_.erase(address); }
  void Send(const std::string& from, const std::string& to, net::Message message);

  // The host hears and reaches nobody until then.
  void CutOff(const std::string& host, Millis until) { cut_off_until_[host] = until; }
  // The two do not hear each other until then; all others do.
  void CutLink(const std::string& host, const std::string& other, Millis until) {
    cut_links_until_[{std::min(host, other), std::max(host, other)}] = until;
  }
  // From here on nothing is lost, late, twice or cut off.
  void Heal();

  uint64_t messages() const { return messages_; }

 private:
  bool IsCut(const std::string& from, const std::string& to) const;
  bool Happens(uint32_t in_a_thousand);
  void Deliver(const std::string& from, const std::string& to, net::Message message, Millis delay);

  EventLoop* const loop_;
  Trace* const trace_;
  NetworkFaults faults_;
  RandomStream random_;
  std::map<std::string, Receiver> receivers_;
  std::map<std::string, Millis> cut_off_until_;  // by host
  std::map<std::pair<std::string, std::string>, Millis> cut_links_until_;
  uint64_t messages_ = 0;
};

// What a message is, for the trace.
std::string NameOf(const net::Message& message);

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_NETWORK_H_
