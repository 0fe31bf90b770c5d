// A few lanes behind sockets in a temporary folder, and a client to them.
#ifndef CARAVAN_TESTS_WORKER_LANE_CLUSTER_H_
#define CARAVAN_TESTS_WORKER_LANE_CLUSTER_H_

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "net/request_client.h"
#include "tests/worker/lossy_server.h"
#include "tests/worker/simple_lane.h"
#include "worker/lane_map.h"

namespace caravan::worker {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "caravan-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Two tables of widths 2 and 3 and 20,005 dense floats in 3 chunks.
inline conf::ModelSpec SmallModel() {
  conf::ModelSpec model;
  for (const uint32_t width : {2U, 3U}) {
    conf::TableSpec& table = *model.add_tables();
    table.set_name(width == 2 ? "scenario" : "profile");
    table.set_width(width);
    table.mutable_initializer()->set_normal_deviation(0.1F);
  }
  for (const uint64_t size : {20'000U, 5U}) {
    conf::DenseTensor& tensor = *model.add_tensors();
    tensor.set_name(size == 5 ? "small.bias" : "large.weight");
    tensor.add_dimensions(size);
    tensor.mutable_initializer()->set_constant(0.5F);
  }
  return model;
}

inline constexpr uint32_t kTestShards = 32;

class LaneCluster {
 public:
  LaneCluster(const conf::ModelSpec& model, uint32_t lanes)
      : map_(*LaneMap::Create(model, net::ShardLanes(kTestShards, lanes), lanes)) {
    for (uint32_t lane = 0; lane < lanes; ++lane) {
      lanes_.push_back(std::make_unique<SimpleLane>(&map_, lane));
      endpoints_.push_back(fmt::format("ipc://{}/lane-{}", folder_.path(), lane));
    }
  }
  // Lanes may be set up before; touched again only after Stop.
  void Start(Faults faults) {
    for (uint32_t lane = 0; lane < lanes_.size(); ++lane, ++faults.seed) {
      servers_.push_back(std::make_unique<LossyServer>(
          context_, endpoints_[lane],
          [this, lane](const net::Message& request) { return lanes_[lane]->Handle(request); },
          faults));
      ASSERT_TRUE(servers_.back()->bind_status().ok()) << servers_.back()->bind_status();
    }
  }
  void Stop() {
    for (const auto& server : servers_) faults_made_ += server->faults_made();
    servers_.clear();
  }
  std::unique_ptr<net::RequestClient> Connect() {
    return *net::RequestClient::Connect(
        context_, endpoints_,
        {.repeat_after = Millis{40}, .give_up_after = Millis{20'000}, .run_id = 7, .sender = 3});
  }
  const LaneMap& map() const { return map_; }
  SimpleLane& lane(uint32_t lane) { return *lanes_[lane]; }
  uint32_t faults_made() const { return faults_made_; }

 private:
  TemporaryFolder folder_;
  net::Context context_;
  const LaneMap map_;
  std::vector<std::unique_ptr<SimpleLane>> lanes_;
  std::vector<std::string> endpoints_;
  std::vector<std::unique_ptr<LossyServer>> servers_;
  uint32_t faults_made_ = 0;
};

}  // namespace caravan::worker

#endif  // CARAVAN_TESTS_WORKER_LANE_CLUSTER_H_
