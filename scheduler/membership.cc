#include "scheduler/membership.h"

#include <set>

#include "fmt/format.h"

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

absl::StatusOr<Member*> Membership::Join(const Hello& hello, Millis now) {
  if (Member* known = Hear(hello.incarnation, now); known != nullptr) {
    if (known->role == hello.role) return known;
    return absl::FailedPreconditionError(
        fmt::format("incarnation {} is {} already", hello.incarnation, known->Name()));
  }
  uint32_t id = 0;
  if (hello.role == net::SERVER) {
    if (Count(net::SERVER) == servers_) {
      return absl::FailedPreconditionError(
          fmt::format("all {} servers of this run are in", servers_));
    }
    if (hello.lane_endpoints.size() != lanes_per_server_) {
      return absl::FailedPreconditionError(
          fmt::format("a server of this run has {} lanes (cluster.lanes), this one has {}",
                      lanes_per_server_, hello.lane_endpoints.size()));
    }
    std::set<uint32_t> taken;
    for (const auto& [incarnation, member] : members_) {
      if (member.role == net::SERVER) taken.insert(member.id);
    }
    while (taken.contains(id)) ++id;
  } else if (Count(net::WORKER) == workers_max_) {
    return absl::FailedPreconditionError(
        fmt::format("{} workers are in, more than this run has a use for", workers_max_));
  } else {
    id = next_worker_++;
  }
  Member& member = members_[hello.incarnation];
  member.role = hello.role;
  member.id = id;
  member.incarnation = hello.incarnation;
  member.host = hello.host;
  member.pid = hello.pid;
  member.lane_endpoints = hello.lane_endpoints;
  member.heard = now;
  return &member;
}

Member* Membership::Hear(uint64_t incarnation, Millis now) {
  const auto member = members_.find(incarnation);
  if (member == members_.end()) return nullptr;
  member->second.heard = now;
  return &member->second;
}

const Member* Membership::Find(uint64_t incarnation) const {
  const auto member = members_.find(incarnation);
  return member == members_.end() ? nullptr : &member->second;
}

std::vector<Member> Membership::RemoveDead(Millis now) {
  std::vector<Member> dead;
  for (auto member = members_.begin(); member != members_.end();) {
    if (now - member->second.heard < dead_after_) {
      ++member;
      continue;
    }
    dead.push_back(std::move(member->second));
    member = members_.erase(member);
  }
  return dead;
}

void Membership::Excuse(Millis time) {
  for (auto& [incarnation, member] : members_) member.heard += time;
}

uint32_t Membership::Count(net::Role role) const {
  uint32_t count = 0;
  for (const auto& [incarnation, member] : members_) count += member.role == role ? 1 : 0;
  return count;
}

bool Membership::ServersReady() const {
  uint32_t ready = 0;
  for (const auto& [incarnation, member] : members_) {
    ready += member.role == net::SERVER && member.ready ? 1 : 0;
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

bool Membership::AllTold(net::Role role) const {
  for (const auto& [incarnation, member] : members_) {
    if (member.role == role && !member.told_to_stop) return false;
  }
  return true;
}

}  // namespace caravan::scheduler
