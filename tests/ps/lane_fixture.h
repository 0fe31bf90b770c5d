// Lanes without sockets: a small model, requests as a worker sends them, and the whole state of a
// set of lanes as text that can be compared.
#ifndef CARAVAN_TESTS_PS_LANE_FIXTURE_H_
#define CARAVAN_TESTS_PS_LANE_FIXTURE_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "conf/manifest.pb.h"
#include "conf/run_spec.pb.h"
#include "net/message.h"
#include "ps/lane.h"

namespace caravan::ps {

inline constexpr uint64_t kRunId = 77;
inline constexpr uint64_t kSender = 5;

// A folder of a test's own, emptied at its start and gone at its end.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  const std::string& path() const { return path_; }
  std::string Make(const std::string& name) const;

 private:
  std::string path_;
};

// Two tables (widths 4 and 3), a tensor of two chunks with L2 and a small one; 16 shards.
conf::RunSpec SmallSpec();

// A cluster of lanes and what its workers would send.
class Lanes {
 public:
  Lanes(const TestFolder& folder, const conf::RunSpec& spec, uint32_t lanes);
  // From the checkpoint in `directory`.
  Lanes(const TestFolder& folder, const conf::RunSpec& spec, uint32_t lanes,
        const std::string& directory, const conf::Manifest& manifest);
  // One lane that stands already.
  Lanes(const conf::RunSpec& spec, std::unique_ptr<Lane> lane);

  uint32_t size() const { return static_cast<uint32_t>(lanes_.size()); }
  Lane& lane(uint32_t i) { return *lanes_[i]; }

  // By table.
  using Keys = std::vector<std::vector<uint64_t>>;
  // Weights of the lane's part of `keys`, and its dense chunks into `dense` where not null; or the
  // averages of both.
  std::map<std::pair<uint32_t, uint64_t>, std::vector<float>> Pull(const Keys& keys,
                                                                   std::vector<float>* dense,
                                                                   bool averages = false);
  // One batch to every lane; gradients follow from (seed of the batch, table, key). The outcomes.
  std::vector<net::Reply> Push(const Keys& keys, const net::BatchTag& tag, float scale = 1);
  net::Message PushMessage(uint32_t lane, const Keys& keys, const net::BatchTag& tag,
                           float scale = 1) const;
  net::Message PullMessage(uint32_t lane, const Keys& keys, bool averages = false) const;
  // Checkpoint `number` below the folder; returns its directory and manifest.
  conf::Manifest Save(const std::string& directory);
  // Of a checkpoint whose lanes wrote `files`.
  conf::Manifest WriteManifest(const std::string& directory,
                               const std::vector<net::CheckpointFile>& files) const;

 private:
  Keys KeysOfLane(uint32_t lane, const Keys& keys) const;

  conf::RunSpec spec_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

net::BatchTag Tag(uint32_t epoch, uint32_t block, uint32_t batch, uint32_t samples = 8);

net::Header RunHeader();
net::Reply ReplyOf(const net::Message& message);

// Every record of a checkpoint but for the LSNs, which differ with the number of lanes. Key to
// value, in hexadecimal.
std::map<std::string, std::string> Dump(const std::string& directory,
                                        const conf::Manifest& manifest);

}  // namespace caravan::ps

#endif  // CARAVAN_TESTS_PS_LANE_FIXTURE_H_
