// Entities chosen by what is predicted of them: candidates of a rewarded task (Zhang et al., WSDM
// 2022, Figure 7), such as advertisers who will hardly be active in a scenario that they know.
#ifndef CARAVAN_LAUNCH_PREDICT_CANDIDATES_H_
#define CARAVAN_LAUNCH_PREDICT_CANDIDATES_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/schema.pb.h"

namespace caravan::launch {

// "active_days<1.5" or several, all of which must hold: "active_days<1.5, flights>=20".
struct Condition {
  enum class Comparison { kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
  uint32_t task = 0;
  Comparison comparison = Comparison::kLess;
  float bound = 0;

  bool Holds(float prediction) const;
  // Whether smaller predictions are the better candidates.
  bool PrefersLow() const;
};

// INVALID_ARGUMENT says which part of `text` is no condition, and what it may be.
absl::StatusOr<std::vector<Condition>> ParseConditions(std::string_view text,
                                                       const conf::Schema& schema);

// An entity in a scenario at the last day that a prediction was made for.
struct Candidate {
  std::string entity;
  uint32_t scenario = 0;
  int32_t anchor_day = 0;          // see data/calendar.h
  std::vector<float> predictions;  // by task
};

// Owned and called by one thread.
class Candidates {
 public:
  // `conditions`: at least one. scenario: only this one; negative: all.
  Candidates(std::vector<Condition> conditions, int32_t scenario)
      : conditions_(std::move(conditions)), scenario_(scenario) {}

  // The later day of an entity and scenario counts, whatever the order.
  void Add(std::string entity, uint32_t scenario, int32_t anchor_day,
           std::span<const float> predictions);

  // Those that meet all conditions, by the first condition's task, the farthest from its bound
  // first; ties by entity and scenario. At most `top` (0: all).
  std::vector<Candidate> Best(size_t top) const;
  // Entities and scenarios that were added, chosen or not.
  size_t size() const { return latest_.size(); }

 private:
  std::vector<Condition> conditions_;
  int32_t scenario_;
  std::map<std::pair<std::string, uint32_t>, Candidate> latest_;
};

// CSV (RFC 4180) of rank, entity, scenario, date and a column a task; and a table for people.
std::string CandidatesCsv(std::span<const Candidate> candidates, const conf::Schema& schema);
std::string CandidatesText(std::span<const Candidate> candidates, const conf::Schema& schema);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_PREDICT_CANDIDATES_H_
