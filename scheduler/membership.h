// Who takes part: workers and servers, known by the incarnation that each drew at its start, and
// alive as long as they are heard of. A worker that is dead is removed. A server that is dead keeps
// its place until another takes it: it may only have been slow, and it is known whose state its
// lanes had.
//
// Pure: time is handed in.
#ifndef CARAVAN_SCHEDULER_MEMBERSHIP_H_
#define CARAVAN_SCHEDULER_MEMBERSHIP_H_

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ids.h"
#include "scheduler/events.h"
#include "scheduler/journal.pb.h"

namespace caravan::scheduler {

struct Member {
  net::Role role = net::WORKER;
  uint32_t id = 0;  // WorkerId or ServerId
  uint64_t incarnation = 0;
  std::string host;
  uint32_t pid = 0;
  std::vector<std::string> lane_endpoints;
  Millis heard{0};
  bool told_to_stop = false;  // has been answered STOP or DONE
  // A server's:
  bool ready = false;           // its lanes serve
  bool lost = false;            // was not heard of for too long
  bool keep_state = false;      // as its Welcome says
  uint32_t admitted_epoch = 0;  // routing epoch in which it took its place
  uint64_t state_owner = 0;     // incarnation that was the last to serve its lanes; 0: none yet
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

  struct Joined {
    Member* member = nullptr;
    bool is_new = false;       // else its hello was heard before
    bool is_takeover = false;  // of a place that another server had, which is removed
  };
  // FAILED_PRECONDITION says why there is no place for it, UNAVAILABLE that there is none at
  // present. `run_id`: of this run.
  absl::StatusOr<Joined> Join(const Hello& hello, uint64_t run_id, Millis now);

  // Null when there is no such member (any more); else it counts as heard. Lives until it is
  // removed.
  Member* Hear(uint64_t incarnation, Millis now);
  const Member* Find(uint64_t incarnation) const;

  // Those who were not heard of for dead_after: removes the workers, marks servers lost.
  std::vector<Member> TakeDead(Millis now);
  void Remove(uint64_t incarnation);

  // Counts everyone as heard later by `time`: for when nobody could be heard.
  void Excuse(Millis time);

  // Alive.
  uint32_t Count(net::Role role) const;
  // All servers are in and alive, and their lanes serve.
  bool ServersReady() const;
  // By LaneId; ServersReady() only.
  std::vector<std::string> LaneEndpoints() const;
  // The places without a server that serves, for people.
  std::string MissingServers() const;
  bool AllTold(net::Role role) const;
  const std::map<uint64_t, Member>& members() const { return members_; }

  // For the journal: who may have changed since the last call, and those who are gone; a member's
  // state and back.
  std::set<uint64_t> TakeTouched() { return std::exchange(touched_, {}); }
  static MemberState StateOf(const Member& member);
  void SetState(const MemberState& state, Millis now);
  uint32_t next_worker() const { return next_worker_; }
  void set_next_worker(uint32_t next_worker) { next_worker_ = next_worker; }

 private:
  // The place that `hello` is given, and the server that had it, if any.
  struct Place {
    uint32_t id = 0;
    uint64_t former = 0;
    bool keep_state = false;
  };
  absl::StatusOr<Place> FindPlace(const Hello& hello, uint64_t run_id) const;

  const uint32_t servers_;
  const uint32_t lanes_per_server_;
  const uint32_t workers_max_;
  const Millis dead_after_;
  uint32_t next_worker_ = 0;
  std::map<uint64_t, Member> members_;  // by incarnation
  std::set<uint64_t> touched_;
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_MEMBERSHIP_H_
