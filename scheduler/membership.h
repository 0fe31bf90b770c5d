// Who takes part: workers and servers, known by the incarnation that each drew at its start, and
// alive as long as they are heard of.
//
// Pure: time is handed in.
#ifndef CARAVAN_SCHEDULER_MEMBERSHIP_H_
#define CARAVAN_SCHEDULER_MEMBERSHIP_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ids.h"
#include "scheduler/events.h"

namespace caravan::scheduler {

struct Member {
  net::Role role = net::WORKER;
  uint32_t id = 0;  // WorkerId or ServerId
  uint64_t incarnation = 0;
  std::string host;
  uint32_t pid = 0;
  std::vector<std::string> lane_endpoints;
  Millis heard{0};
  bool ready = false;         // a server's lanes serve
  bool told_to_stop = false;  // has been answered STOP or DONE
  uint64_t resident_bytes = 0;
  std::string waiting_for;
  uint64_t samples = 0;
  // By which repeats are recognised.
  uint64_t last_heartbeat = 0;
  uint64_t last_lease_request = 0;
  LeaseAnswer last_lease;
  std::deque<uint64_t> reported_leases;  // accepted, the newest last

  WorkerId worker_id() const { return WorkerId{id}; }
  std::string Name() const;  // "worker 7 (host:pid)"
};

class Membership {
 public:
  // workers_max: how many workers may be members at once.
  Membership(uint32_t servers, uint32_t lanes_per_server, uint32_t workers_max, Millis dead_after);

  // A new member, or the known one where its hello was heard before. FAILED_PRECONDITION says why
  // there is no place for it.
  absl::StatusOr<Member*> Join(const Hello& hello, Millis now);

  // Null when there is no such member (any more); else it counts as heard. Lives until it is
  // removed.
  Member* Hear(uint64_t incarnation, Millis now);
  const Member* Find(uint64_t incarnation) const;

  // Removes and returns those who were not heard of for dead_after.
  std::vector<Member> RemoveDead(Millis now);

  // Counts everyone as heard later by `time`: for when nobody could be heard.
  void Excuse(Millis time);

  uint32_t Count(net::Role role) const;
  // All servers are in, and their lanes serve.
  bool ServersReady() const;
  // By LaneId; ServersReady() only.
  std::vector<std::string> LaneEndpoints() const;
  bool AllTold(net::Role role) const;
  const std::map<uint64_t, Member>& members() const { return members_; }

 private:
  const uint32_t servers_;
  const uint32_t lanes_per_server_;
  const uint32_t workers_max_;
  const Millis dead_after_;
  uint32_t next_worker_ = 0;
  std::map<uint64_t, Member> members_;  // by incarnation
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_MEMBERSHIP_H_
