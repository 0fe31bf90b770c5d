// What the simulated scheduler asks of the lanes: ledgers, marks, checkpoints. The counterpart of
// scheduler/lane_requests, with its files on the simulated disk.
#ifndef CARAVAN_TESTS_SIM_LANE_ORDERS_H_
#define CARAVAN_TESTS_SIM_LANE_ORDERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/manifest.pb.h"
#include "scheduler/events.h"
#include "tests/sim/client.h"
#include "tests/sim/world.h"

namespace caravan::sim {

std::string CheckpointDirectory(uint64_t number);
// The committed checkpoints: those with a MANIFEST.
std::map<uint64_t, conf::Manifest> ReadManifests(DiskOfProcess& disk);
// One above every number that was ever begun.
uint64_t NextCheckpoint(DiskOfProcess& disk);

class LaneOrders {
 public:
  // All outlive it. `answered` is called when something may have come in.
  LaneOrders(const World& world, DiskOfProcess* disk, const std::string& address,
             const net::Routing& routing, std::function<void()> answered);

  void Reroute(const net::Routing& routing);
  void Start(const scheduler::CountLedger& order);
  void Start(const scheduler::CollectMarks& order);
  void Start(const scheduler::WriteCheckpoint& order);
  void Drop(const scheduler::DropCheckpoint& order);

  // What has come in.
  std::vector<scheduler::Event> Poll();
  std::string Waiting() const { return client_.Waiting(); }

 private:
  template <typename Order>
  struct Asked {
    Order order;
    std::vector<uint64_t> tickets;
    absl::Status status;
  };
  template <typename Order>
  bool IsAnswered(const std::optional<Asked<Order>>& asked);
  template <typename Order>
  void Forget(std::optional<Asked<Order>>& asked);
  absl::StatusOr<net::Reply> Take(uint64_t ticket);
  scheduler::Event EndLedger();
  scheduler::Event EndMarks();
  scheduler::Event EndCheckpoint();
  absl::Status Commit();

  const World world_;
  DiskOfProcess* const disk_;
  Client client_;
  std::optional<Asked<scheduler::CountLedger>> ledger_;
  std::optional<Asked<scheduler::CollectMarks>> marks_;
  std::optional<Asked<scheduler::WriteCheckpoint>> checkpoint_;
};

}  // namespace caravan::sim

#endif  // CARAVAN_TESTS_SIM_LANE_ORDERS_H_
