#include "tests/sim/judge.h"

#include <fmt/format.h>

#include <numeric>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/status_macros.h"

namespace caravan::sim {

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

absl::Status Judge::CheckCheckpoint(Disk& disk, const std::string& directory,
                                    const conf::Manifest& manifest, uint32_t other_lanes) {
  const Disk::Room room = disk.room();
  disk.SetRoom(Disk::Room::kEnough);
  const absl::Cleanup restore_room = [&disk, room] { disk.SetRoom(room); };
  DiskOfProcess process(&disk);
  conf::RunSpec spec = *spec_;
  spec.mutable_job()->mutable_cluster()->set_durability(conf::CHECKPOINT);
  std::vector<size_t> counts;
  std::optional<State> expected;
  for (const uint32_t lanes : {manifest.lanes(), other_lanes}) {
    std::vector<std::unique_ptr<ps::Lane>> restored;
    std::vector<ps::Lane*> pointers;
    for (uint32_t lane = 0; lane < lanes; ++lane) {
      CARAVAN_ASSIGN_OR_RETURN(
          restored.emplace_back(),
          ps::Lane::Restore(spec,
                            {.lane = LaneId{lane},
                             .lanes_total = lanes,
                             .run_id = spec_->run_id(),
                             .data_directory = fmt::format("/judge/lane-{}", lane),
                             .file_system = &process,
                             .record_stores = &process},
                            directory, manifest));
      pointers.push_back(restored.back().get());
      if (!expected.has_value()) counts.push_back(watches_[lane]->PrefixIn(*restored.back()));
    }
    if (!expected.has_value()) {
      CARAVAN_ASSIGN_OR_RETURN(expected, ReplayedState(counts));
      CARAVAN_RETURN_IF_ERROR(CheckDoneBlocks(*expected, manifest));
    }
    CARAVAN_ASSIGN_OR_RETURN(const State actual, TakeState(*spec_, *shape_, pointers));
    const std::string difference = Difference(*expected, actual);
    if (!difference.empty()) {
      return absl::DataLossError(fmt::format("{} on {} lanes is not what a replay gives: {}",
                                             directory, lanes, difference));
    }
    restored.clear();
    CARAVAN_RETURN_IF_ERROR(process.RemoveTree("/judge"));
  }
  return absl::OkStatus();
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
