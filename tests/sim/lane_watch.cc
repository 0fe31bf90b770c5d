#include "tests/sim/lane_watch.h"

#include <fmt/format.h>

#include <utility>

#include "base/status_macros.h"
#include "net/placement.h"
#include "net/request_table.h"
#include "tests/sim/lane_state.h"
#include "worker/lane_split.h"

namespace caravan::sim {
namespace {

std::string NameOf(const net::BatchTag& tag) {
  return fmt::format("epoch {} block {} batch {}", tag.epoch(), tag.block(), tag.batch());
}

bool Same(const net::BatchTag& a, const net::BatchTag& b) {
  return a.epoch() == b.epoch() && a.block() == b.block() && a.batch() == b.batch();
}

}  // namespace

LaneWatch::LaneWatch(const conf::RunSpec* spec, const Shape* shape, uint32_t lane)
    : spec_(spec),
      shape_(shape),
      lane_(lane),
      map_(*worker::LaneMap::Create(spec->model(),
                                    net::ShardLanes(shape->shards, shape->servers * shape->lanes),
                                    shape->servers * shape->lanes)) {}

std::shared_ptr<net::Message> LaneWatch::WithKeys(const net::Header& header,
                                                  net::Message& request) const {
  const net::BatchTag& tag = header.push().tag();
  worker::LaneSplit split;
  worker::SplitByLane(map_, BatchKeys(*shape_, tag.epoch(), tag.block(), tag.batch()), split);
  net::Header judges = JudgesHeader(spec_->run_id());
  *judges.mutable_push() = header.push();
  auto whole = std::make_shared<net::Message>(net::MakeMessage(judges));
  net::AddFrame(*whole, split[lane_].keys);
  net::Message shared = net::ShareMessage(request);
  for (size_t i = 2; i < shared.frames.size(); ++i) {
    whole->frames.push_back(std::move(shared.frames[i]));
  }
  return whole;
}

std::optional<net::Message> LaneWatch::Handle(ps::Lane& lane, const DiskOfProcess& disk,
                                              net::Message& request, uint64_t ticket) {
  const absl::StatusOr<net::Header> header = net::ParseHeader(request);
  if (!header.ok() || !header->has_push() || &lane != in_force_) {
    return lane.Handle(request, ticket);
  }
  const uint64_t before = lane.counters().pushes_applied;
  std::optional<net::Message> answer = lane.Handle(request, ticket);
  if (lane.counters().pushes_applied != before || disk.is_dead()) {
    applied_.push_back({.tag = header->push().tag(), .push = WithKeys(*header, request)});
  }
  return answer;
}

void LaneWatch::Answered(const ps::Lane& lane, const net::Message& answer,
                         const net::Message& request) {
  if (&lane != in_force_) return;
  const absl::StatusOr<net::Header> header = net::ParseHeader(request);
  const absl::StatusOr<net::Reply> reply = net::ParseReply(answer);
  if (!header.ok() || !header->has_push() || !reply.ok() || reply->code() != net::OK) return;
  if (reply->push().outcome() == net::PushReply::OUT_OF_ORDER) return;
  for (auto applied = applied_.rbegin(); applied != applied_.rend(); ++applied) {
    if (!Same(applied->tag, header->push().tag())) continue;
    applied->is_acknowledged = true;
    return;
  }
}

size_t LaneWatch::PrefixIn(ps::Lane& lane) const {
  size_t count = applied_.size();
  for (; count > 0; --count) {
    const net::BatchTag& tag = applied_[count - 1].tag;
    if (MarkOf(lane, spec_->run_id(), tag.epoch(), tag.block()) > tag.batch()) break;
  }
  return count;
}

absl::Status LaneWatch::Rebuilt(ps::Lane& lane, bool has_folder, uint64_t boot) {
  const conf::Durability durability = spec_->job().cluster().durability();
  const bool had_power = std::exchange(boot_, boot) == boot;
  const bool is_promised =
      has_folder && (durability == conf::POWER_LOSS || (durability == conf::PROCESS && had_power));
  const size_t count = PrefixIn(lane);
  for (size_t i = count; is_promised && i < applied_.size(); ++i) {
    if (!applied_[i].is_acknowledged) continue;
    return absl::DataLossError(fmt::format(
        "lane {} came back without {}, which it had acknowledged", lane_, NameOf(applied_[i].tag)));
  }
  applied_.resize(count);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ps::Lane>> Replay(const LaneWatch& watch, size_t count,
                                                 const conf::RunSpec& spec,
                                                 const ps::Lane::Options& options) {
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<ps::Lane> lane, ps::Lane::Create(spec, options));
  for (size_t i = 0; i < count; ++i) {
    const LaneWatch::Applied& applied = watch.applied()[i];
    CARAVAN_ASSIGN_OR_RETURN(const net::Reply reply,
                             net::ParseReply(lane->HandleNow(*applied.push)));
    if (reply.code() == net::OK && reply.push().outcome() == net::PushReply::APPLIED) continue;
    return absl::InternalError(
        fmt::format("lane {} applied {} as its push number {}, where a lane without faults says {}",
                    Index(options.lane), NameOf(applied.tag), i,
                    reply.code() == net::OK ? net::PushReply::Outcome_Name(reply.push().outcome())
                                            : reply.message()));
  }
  return lane;
}

}  // namespace caravan::sim
