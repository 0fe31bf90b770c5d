#include "tests/sim/judge.h"

#include <fmt/format.h>

#include <numeric>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/status_macros.h"
#include "net/request_client.h"

namespace caravan::sim {
namespace {

// Of the run, where lanes may write a checkpoint.
constexpr const char* kJudged = "/run/judged";
constexpr const char* kJudgedCheckpoint = "/run/judged/checkpoint";

}  // namespace

Judge::Judge(const conf::RunSpec* spec, const Shape* shape) : spec_(spec), shape_(shape) {
  for (uint32_t lane = 0; lane < shape->servers * shape->lanes; ++lane) {
    watches_.push_back(std::make_unique<LaneWatch>(spec, shape, lane));
  }
}

uint64_t Judge::pushes() const {
  uint64_t pushes = 0;
  for (const auto& watch : watches_) pushes += watch->applied().size();
  return pushes;
}

absl::Status Judge::CheckLedger(const State& state) const {
  const std::vector<uint64_t> samples = BlockSamples(*shape_);
  const uint64_t expected = std::accumulate(samples.begin(), samples.end(), uint64_t{0});
  for (uint32_t epoch = 0; epoch < shape_->epochs; ++epoch) {
    for (uint32_t shard = 0; shard < shape_->shards; ++shard) {
      const auto found = state.find(fmt::format("ledger of shard {} epoch {}", shard, epoch));
      if (found != state.end() && found->second == fmt::format("{}", expected)) continue;
      return absl::DataLossError(
          fmt::format("shard {} applied {} samples of epoch {}, which has {}", shard,
                      found == state.end() ? "no" : found->second, epoch, expected));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<State> Judge::ReplayedState(const std::vector<size_t>& counts) {
  Disk disk(RandomStream(0));
  DiskOfProcess process(&disk);
  std::vector<std::unique_ptr<ps::Lane>> lanes;
  std::vector<ps::Lane*> pointers;
  for (uint32_t lane = 0; lane < watches_.size(); ++lane) {
    const ps::Lane::Options options{.lane = LaneId{lane},
                                    .lanes_total = static_cast<uint32_t>(watches_.size()),
                                    .run_id = spec_->run_id(),
                                    .data_directory = fmt::format("/replay/lane-{}", lane),
                                    .file_system = &process,
                                    .record_stores = &process};
    conf::RunSpec spec = *spec_;
    spec.mutable_job()->mutable_cluster()->set_durability(conf::CHECKPOINT);
    CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<ps::Lane> replayed,
                             Replay(*watches_[lane], counts[lane], spec, options));
    pointers.push_back(replayed.get());
    lanes.push_back(std::move(replayed));
  }
  return TakeState(*spec_, *shape_, pointers);
}

absl::Status Judge::CheckDoneBlocks(const State& state, const conf::Manifest& manifest) const {
  const std::vector<uint64_t> samples = BlockSamples(*shape_);
  for (const uint32_t block : manifest.queue().done_blocks()) {
    const uint64_t batches = (samples[block] + kBatchSamples - 1) / kBatchSamples;
    const std::string& mark =
        state.at(fmt::format("mark of epoch {} block {}", manifest.queue().epoch(), block));
    // An epoch that is over answers with a whole block's.
    if (std::stoull(mark) >= batches) continue;
    return absl::DataLossError(
        fmt::format("block {} is listed as done, its mark is {} of {}", block, mark, batches));
  }
  return absl::OkStatus();
}

absl::StatusOr<Judge::Lanes> Judge::Restore(DiskOfProcess& process, const std::string& directory,
                                            const conf::Manifest& manifest, uint32_t count) const {
  conf::RunSpec spec = *spec_;
  spec.mutable_job()->mutable_cluster()->set_durability(conf::CHECKPOINT);
  Lanes lanes;
  for (uint32_t lane = 0; lane < count; ++lane) {
    CARAVAN_ASSIGN_OR_RETURN(
        lanes.emplace_back(),
        ps::Lane::Restore(spec,
                          {.lane = LaneId{lane},
                           .lanes_total = count,
                           .run_id = spec_->run_id(),
                           .data_directory = fmt::format(
                               "{}/{}/{}-of-{}", kJudged,
                               directory == kJudgedCheckpoint ? "back" : "there", lane, count),
                           .file_system = &process,
                           .record_stores = &process},
                          directory, manifest));
  }
  return lanes;
}

absl::StatusOr<conf::Manifest> Judge::Save(DiskOfProcess& process, const Lanes& lanes,
                                           const conf::Manifest& of) const {
  const std::string directory = kJudgedCheckpoint;
  CARAVAN_RETURN_IF_ERROR(process.CreateDirectories(directory));
  conf::Manifest manifest = of;
  manifest.set_lanes(static_cast<uint32_t>(lanes.size()));
  manifest.clear_lane_directories();
  net::Header header = JudgesHeader(spec_->run_id());
  header.mutable_save_checkpoint()->set_directory(directory);
  for (size_t lane = 0; lane < lanes.size(); ++lane) {
    CARAVAN_ASSIGN_OR_RETURN(const net::Reply reply,
                             net::ParseReply(lanes[lane]->HandleNow(net::MakeMessage(header))));
    CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(reply));
    manifest.add_lane_directories(fmt::format("lane-{:03}", lane));
  }
  return manifest;
}

absl::Status Judge::Compare(const State& expected, const Lanes& lanes, const std::string& what) {
  std::vector<ps::Lane*> pointers;
  for (const auto& lane : lanes) pointers.push_back(lane.get());
  CARAVAN_ASSIGN_OR_RETURN(const State actual, TakeState(*spec_, *shape_, pointers));
  const std::string difference = Difference(expected, actual);
  if (difference.empty()) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{} on {} lanes is not what a replay gives: {}", what, lanes.size(), difference));
}

absl::Status Judge::CheckCheckpoint(Disk& disk, const std::string& directory,
                                    const conf::Manifest& manifest, uint32_t other_lanes,
                                    bool and_back) {
  const Disk::Room room = disk.room();
  disk.SetRoom(Disk::Room::kEnough);
  const absl::Cleanup restore_room = [&disk, room] { disk.SetRoom(room); };
  DiskOfProcess process(&disk);
  CARAVAN_ASSIGN_OR_RETURN(Lanes lanes, Restore(process, directory, manifest, manifest.lanes()));
  std::vector<size_t> counts;
  for (size_t lane = 0; lane < lanes.size(); ++lane) {
    counts.push_back(watches_[lane]->PrefixIn(*lanes[lane]));
  }
  CARAVAN_ASSIGN_OR_RETURN(const State expected, ReplayedState(counts));
  CARAVAN_RETURN_IF_ERROR(CheckDoneBlocks(expected, manifest));
  CARAVAN_RETURN_IF_ERROR(Compare(expected, lanes, directory));
  lanes.clear();
  CARAVAN_ASSIGN_OR_RETURN(lanes, Restore(process, directory, manifest, other_lanes));
  if (and_back) {
    CARAVAN_ASSIGN_OR_RETURN(const conf::Manifest again, Save(process, lanes, manifest));
    CARAVAN_ASSIGN_OR_RETURN(const Lanes back,
                             Restore(process, kJudgedCheckpoint, again, manifest.lanes()));
    CARAVAN_RETURN_IF_ERROR(
        Compare(expected, back, fmt::format("{} by way of {} lanes", directory, other_lanes)));
  }
  CARAVAN_RETURN_IF_ERROR(Compare(expected, lanes, directory));
  lanes.clear();
  return process.RemoveTree(kJudged);
}

absl::Status Judge::CheckEnd(const std::vector<ps::Lane*>& lanes) {
  std::vector<size_t> counts;
  for (const auto& watch : watches_) counts.push_back(watch->applied().size());
  CARAVAN_ASSIGN_OR_RETURN(const State expected, ReplayedState(counts));
  CARAVAN_ASSIGN_OR_RETURN(const State actual, TakeState(*spec_, *shape_, lanes));
  CARAVAN_RETURN_IF_ERROR(CheckLedger(actual));
  if (const std::string difference = Difference(expected, actual); !difference.empty()) {
    return absl::DataLossError(fmt::format("not what a replay gives: {}", difference));
  }
  return absl::OkStatus();
}

}  // namespace caravan::sim
