// An advertiser's campaigns in a scenario: at most one begins in each slot of kCampaignSlotDays.
// Days count from the world's first. Pure.
#ifndef CARAVAN_DATA_WORLD_CAMPAIGNS_H_
#define CARAVAN_DATA_WORLD_CAMPAIGNS_H_

#include <array>
#include <cstdint>
#include <optional>

#include "conf/world.pb.h"

namespace caravan::data {

inline constexpr int32_t kCampaignSlotDays = 30;

struct Campaign {
  int32_t first_day = 0;
  int32_t last_day = 0;   // included; at most kCampaignSlotDays long
  double log_factor = 0;  // of the rates while it runs
};

// Those that may run on `day` or begin within a slot's length behind it. A value type.
class CampaignsAround {
 public:
  // `seed`: the advertiser's in this scenario. The same campaigns whatever the day asked for.
  CampaignsAround(const conf::WorldScenario& scenario, uint64_t seed, int32_t day);

  // Sum over the campaigns that run on the day; 0 where none does.
  double LogFactor() const;
  // Whether one begins 1 to `days` days behind the day; days <= kCampaignSlotDays.
  bool BeginsWithin(uint32_t days) const;

 private:
  int32_t day_;
  std::array<std::optional<Campaign>, 3> slots_;  // before the day's, the day's, behind it
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_WORLD_CAMPAIGNS_H_
