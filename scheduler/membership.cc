#include "scheduler/membership.h"

#include <algorithm>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "scheduler/wire_events.h"

namespace caravan::scheduler {

std::string Member::Name() const {
  return fmt::format("{} {} ({}:{})", role == net::SERVER ? "server" : "worker", id, host, pid);
}

Membership::Membership(uint32_t servers, uint32_t lanes_per_server, uint32_t workers_max,
                       Millis dead_after)
    : servers_(servers),
      lanes_per_server_(lanes_per_server),
      workers_max_(workers_max),
      dead_after_(dead_after) {}

absl::StatusOr<Membership::Place> Membership::FindPlace(const Hello& hello, uint64_t run_id) const {
  if (hello.lane_endpoints.size() != lanes_per_server_) {
    return absl::FailedPreconditionError(
        fmt::format("a server of this run has {} lanes (cluster.lanes), this one has {}",
                    lanes_per_server_, hello.lane_endpoints.size()));
  }
  std::vector<const Member*> owners(servers_, nullptr);
  for (const auto& [incarnation, member] : members_) {
    if (member.role == net::SERVER) owners[member.id] = &member;
  }
  const bool holds_state = hello.held_run_id == run_id && hello.held_incarnation != 0 &&
                           hello.held_lanes_total == servers_ * lanes_per_server_;
  for (const Member* owner : owners) {
    if (owner == nullptr || !holds_state) continue;
    // Nobody has served these lanes since: what the server holds is their last state. It holds its
    // lock, so that the former owner is dead.
    const bool is_last = hello.held_incarnation == owner->incarnation ||
                         hello.held_incarnation == owner->state_owner;
    const bool same_lanes = std::ranges::find(hello.held_lanes, owner->id * lanes_per_server_) !=
                            hello.held_lanes.end();
    if (is_last && same_lanes) return Place{owner->id, owner->incarnation, true};
  }
  for (const Member* owner : owners) {
    // Who listens where another listened could not while that one lived.
    if (owner != nullptr && owner->lane_endpoints == hello.lane_endpoints) {
      return Place{owner->id, owner->incarnation, false};
    }
  }
  if (hello.number < servers_ && hello.number.has_value() && owners[*hello.number] == nullptr) {
    return Place{*hello.number, 0, false};
  }
  for (uint32_t id = 0; id < servers_; ++id) {
    if (owners[id] == nullptr) return Place{id, 0, false};
  }
  for (const Member* owner : owners) {
    if (owner->lost) return Place{owner->id, owner->incarnation, false};
  }
  return absl::UnavailableError(fmt::format(
      "all {} servers of this run are in; the place of one that dies is free {} s after "
      "it was last heard of",
      servers_, dead_after_.count() / 1000));
}

absl::StatusOr<Membership::Joined> Membership::Join(const Hello& hello, uint64_t run_id,
                                                    Millis now) {
  if (Member* known = Hear(hello.incarnation, now); known != nullptr) {
    if (known->role == hello.role) return Joined{.member = known};
    return absl::FailedPreconditionError(
        fmt::format("incarnation {} is {} already", hello.incarnation, known->Name()));
  }
  Place place;
  uint64_t state_owner = 0;
  if (hello.role == net::SERVER) {
    CARAVAN_ASSIGN_OR_RETURN(place, FindPlace(hello, run_id));
    if (place.former != 0) state_owner = members_.at(place.former).state_owner;
    Remove(place.former);
  } else if (Count(net::WORKER) == workers_max_) {
    return absl::FailedPreconditionError(
        fmt::format("{} workers are in, more than this run has a use for", workers_max_));
  } else {
    place.id = next_worker_++;
  }
  touched_.insert(hello.incarnation);
  Member& member = members_[hello.incarnation];
  member.role = hello.role;
  member.id = place.id;
  member.incarnation = hello.incarnation;
  member.host = hello.host;
  member.pid = hello.pid;
  member.lane_endpoints = hello.lane_endpoints;
  member.heard = now;
  member.keep_state = place.keep_state;
  member.state_owner = state_owner;
  return Joined{.member = &member, .is_new = true, .is_takeover = place.former != 0};
}

Member* Membership::Hear(uint64_t incarnation, Millis now) {
  const auto member = members_.find(incarnation);
  if (member == members_.end()) return nullptr;
  member->second.heard = now;
  member->second.lost = false;
  touched_.insert(incarnation);
  return &member->second;
}

const Member* Membership::Find(uint64_t incarnation) const {
  const auto member = members_.find(incarnation);
  return member == members_.end() ? nullptr : &member->second;
}

void Membership::Remove(uint64_t incarnation) {
  if (members_.erase(incarnation) > 0) touched_.insert(incarnation);
}

std::vector<Member> Membership::TakeDead(Millis now) {
  std::vector<Member> dead;
  for (auto& [incarnation, member] : members_) {
    if (member.lost || now - member.heard < dead_after_) continue;
    member.lost = true;
    touched_.insert(incarnation);
    dead.push_back(member);
  }
  for (const Member& member : dead) {
    if (member.role != net::SERVER) Remove(member.incarnation);
  }
  return dead;
}

void Membership::Excuse(Millis time) {
  for (auto& [incarnation, member] : members_) member.heard += time;
}

uint32_t Membership::Count(net::Role role) const {
  uint32_t count = 0;
  for (const auto& [incarnation, member] : members_) {
    count += member.role == role && !member.lost ? 1 : 0;
  }
  return count;
}

bool Membership::ServersReady() const {
  uint32_t ready = 0;
  for (const auto& [incarnation, member] : members_) {
    ready += member.role == net::SERVER && member.ready && !member.lost ? 1 : 0;
  }
  return ready == servers_;
}

std::vector<std::string> Membership::LaneEndpoints() const {
  std::vector<std::string> endpoints(size_t{servers_} * lanes_per_server_);
  for (const auto& [incarnation, member] : members_) {
    if (member.role != net::SERVER) continue;
    for (size_t lane = 0; lane < member.lane_endpoints.size(); ++lane) {
      endpoints[member.id * lanes_per_server_ + lane] = member.lane_endpoints[lane];
    }
  }
  return endpoints;
}

std::string Membership::MissingServers() const {
  std::vector<std::string> places(servers_);
  for (uint32_t id = 0; id < servers_; ++id) places[id] = fmt::format("server {} (not in)", id);
  for (const auto& [incarnation, member] : members_) {
    if (member.role != net::SERVER) continue;
    places[member.id] = member.lost     ? member.Name() + " (lost)"
                        : !member.ready ? member.Name() + " (restoring)"
                                        : "";
  }
  std::erase(places, "");
  return fmt::format("{}", fmt::join(places, ", "));
}

bool Membership::AllTold(net::Role role) const {
  for (const auto& [incarnation, member] : members_) {
    if (member.role == role && !member.told_to_stop && !member.lost) return false;
  }
  return true;
}

MemberState Membership::StateOf(const Member& member) {
  MemberState state;
  state.set_incarnation(member.incarnation);
  state.set_role(member.role);
  state.set_id(member.id);
  state.set_host(member.host);
  state.set_pid(member.pid);
  for (const std::string& endpoint : member.lane_endpoints) state.add_lane_endpoints(endpoint);
  state.set_ready(member.ready);
  state.set_lost(member.lost);
  state.set_told_to_stop(member.told_to_stop);
  state.set_keep_state(member.keep_state);
  state.set_admitted_epoch(member.admitted_epoch);
  state.set_state_owner(member.state_owner);
  state.mutable_reported_leases()->Add(member.reported_leases.begin(),
                                       member.reported_leases.end());
  state.set_last_lease_request(member.last_lease_request);
  *state.mutable_last_lease() = LeaseReplyOf(member.last_lease);
  state.set_last_heartbeat(member.last_heartbeat);
  state.set_samples(member.samples);
  return state;
}

void Membership::SetState(const MemberState& state, Millis now) {
  if (state.role() == net::SERVER && state.id() >= servers_) return;
  touched_.insert(state.incarnation());
  Member& member = members_[state.incarnation()];
  member = Member();
  member.role = state.role();
  member.id = state.id();
  member.incarnation = state.incarnation();
  member.host = state.host();
  member.pid = state.pid();
  member.lane_endpoints.assign(state.lane_endpoints().begin(), state.lane_endpoints().end());
  member.heard = now;
  member.ready = state.ready();
  member.lost = state.lost();
  member.told_to_stop = state.told_to_stop();
  member.keep_state = state.keep_state();
  member.admitted_epoch = state.admitted_epoch();
  member.state_owner = state.state_owner();
  member.reported_leases.assign(state.reported_leases().begin(), state.reported_leases().end());
  member.last_lease_request = state.last_lease_request();
  member.last_lease = LeaseAnswerOf(state.last_lease());
  member.last_heartbeat = state.last_heartbeat();
  member.samples = state.samples();
}

}  // namespace caravan::scheduler
