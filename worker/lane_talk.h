// One question to several lanes at once, and what each lane's answer asks for: its keys, patience,
// or the end. Pure: time and answers are handed in, requests are handed out.
//
// A lane may be restoring, of another routing than the worker's, or without room on its disk: all
// of these pass, so it is asked again after a pause, until `give_up_after`.
#ifndef CARAVAN_WORKER_LANE_TALK_H_
#define CARAVAN_WORKER_LANE_TALK_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "net/request_table.h"

namespace caravan::worker {

// Pause before a lane that could not answer yet is asked again.
inline constexpr Millis kNotReadyPause{50};

// True for an answer that another time may be OK.
bool MayPass(net::Code code);

struct LaneRequest {
  uint32_t lane = 0;
  net::Header header;
  std::vector<net::Frame> frames;
};

// Owned by one thread. Its driver sends what TakeRequests gives, hands each answer to Take, and
// comes back at next_due; a request to a lane replaces the one before.
class LaneTalk {
 public:
  explicit LaneTalk(Millis give_up_after) : give_up_after_(give_up_after) {}
  virtual ~LaneTalk() = default;

  // What is to be sent now.
  std::vector<LaneRequest> TakeRequests(Millis now);
  // The lane's answer to the last request that it was sent. An error ends the talk.
  absl::Status Take(uint32_t lane, const net::Answer& answer, Millis now);
  // Every lane that was asked has answered.
  bool done() const { return open_ == 0; }
  // When TakeRequests has something again, without an answer; nothing: not without one.
  std::optional<Millis> next_due() const;

 protected:
  // Forgets what was asked before; `asks`: by lane, whether it is asked.
  void Begin(const std::vector<bool>& asks, Millis now);
  uint32_t lanes() const { return static_cast<uint32_t>(lanes_.size()); }

 private:
  struct Lane {
    bool open = false;            // asked, and without its answer yet
    std::optional<Millis> due{};  // when it is to be sent the request; nothing: it was
    bool with_keys = false;       // it said that it does not know the key list
  };
  // The request to a lane. `with_keys`: it has to hold the keys in full.
  virtual LaneRequest MakeRequest(uint32_t lane, bool with_keys) = 0;
  // An answer that is OK.
  virtual absl::Status TakeOk(uint32_t lane, const net::Answer& answer) = 0;

  const Millis give_up_after_;
  Millis begun_{0};
  std::vector<Lane> lanes_;
  uint32_t open_ = 0;
};

// The lowest mark of a block over all lanes: where to go on with it.
class MarkTalk final : public LaneTalk {
 public:
  using LaneTalk::LaneTalk;
  void Begin(uint32_t lanes, uint32_t epoch, uint32_t block, Millis now);
  // Once done.
  uint32_t lowest() const { return lowest_; }

 private:
  LaneRequest MakeRequest(uint32_t lane, bool with_keys) override;
  absl::Status TakeOk(uint32_t lane, const net::Answer& answer) override;

  net::MarkQuery query_;
  uint32_t lowest_ = 0;
};

}  // namespace caravan::worker

#endif  // CARAVAN_WORKER_LANE_TALK_H_
