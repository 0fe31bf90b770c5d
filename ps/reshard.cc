#include "ps/reshard.h"

#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "net/manifest_file.h"
#include "ps/checkpoint_layout.h"
#include "ps/lane.h"

namespace caravan::ps {
namespace {

// One lane's part: its shards read from wherever they were, and saved.
absl::Status WriteLane(const conf::RunSpec& spec, const ReshardOrder& order,
                       const conf::Manifest& from, uint32_t number, conf::Manifest& to) {
  const LaneId lane_id{number};
  const std::string folder = fmt::format("{}/{}", order.work_directory, LaneDirectory(lane_id));
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::InternalError(fmt::format("cannot make {}: {}", folder, error.message()));
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<Lane> lane,
                           Lane::Restore(spec,
                                         {.lane = lane_id,
                                          .lanes_total = order.lanes,
                                          .run_id = spec.run_id(),
                                          .data_directory = folder},
                                         order.from, from));
  net::Header header;
  header.set_run_id(spec.run_id());
  header.mutable_save_checkpoint()->set_checkpoint(order.checkpoint);
  header.mutable_save_checkpoint()->set_directory(order.to);
  CARAVAN_ASSIGN_OR_RETURN(const net::Reply reply,
                           net::ParseReply(lane->HandleNow(net::MakeMessage(header))));
  if (reply.code() != net::OK) return absl::InternalError(reply.message());
  net::AddLane(LaneDirectory(lane_id), reply.save_checkpoint(), to);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CheckpointSummary> ReshardCheckpoint(const conf::RunSpec& spec,
                                                    const ReshardOrder& order) {
  CARAVAN_ASSIGN_OR_RETURN(const CheckpointSummary before, SummariseCheckpoint(order.from));
  if (order.lanes == 0 || order.lanes > before.manifest.shards()) {
    return absl::InvalidArgumentError(fmt::format("{} lanes: a model of {} shards has 1 to {}",
                                                  order.lanes, before.manifest.shards(),
                                                  before.manifest.shards()));
  }
  conf::Manifest manifest = before.manifest;
  manifest.set_checkpoint(order.checkpoint);
  manifest.set_lanes(order.lanes);
  manifest.clear_lane_directories();
  manifest.clear_files();
  manifest.set_written_at(absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone()));
  for (uint32_t lane = 0; lane < order.lanes; ++lane) {
    CARAVAN_RETURN_IF_ERROR(WriteLane(spec, order, before.manifest, lane, manifest));
  }
  CARAVAN_ASSIGN_OR_RETURN(const CheckpointSummary after, SummariseLanes(order.to, manifest));
  if (after.digest != before.digest) {
    return absl::DataLossError(fmt::format("{} holds another state ({:016x}) than {} ({:016x})",
                                           order.to, after.digest, order.from, before.digest));
  }
  CARAVAN_RETURN_IF_ERROR(net::WriteManifest(order.to, manifest));
  return after;
}

}  // namespace caravan::ps
