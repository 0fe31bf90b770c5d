#include "data/world/campaigns.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace caravan::data {
namespace {

std::optional<Campaign> CampaignIn(const conf::WorldScenario& scenario, uint64_t seed,
                                   int32_t slot) {
  RandomStream stream(seed, static_cast<uint64_t>(int64_t{slot}));
  if (stream.NextUniform() >= scenario.campaign_chance()) return std::nullopt;
  Campaign campaign;
  campaign.first_day =
      slot * kCampaignSlotDays + static_cast<int32_t>(stream.NextBelow(kCampaignSlotDays));
  // Evenly within as much on either side of the mean as there is room for.
  const auto mean = static_cast<int32_t>(scenario.campaign_days());
  const int32_t reach = std::min(mean - 1, kCampaignSlotDays - mean);
  const auto lengths = static_cast<uint64_t>(reach) * 2 + 1;
  const int32_t length = mean - reach + static_cast<int32_t>(stream.NextBelow(lengths));
  campaign.last_day = campaign.first_day + length - 1;
  campaign.log_factor =
      std::log(scenario.campaign_factor()) + scenario.campaign_spread() * stream.NextNormal();
  return campaign;
}

}  // namespace

CampaignsAround::CampaignsAround(const conf::WorldScenario& scenario, uint64_t seed, int32_t day)
    : day_(day) {
  const int32_t slot = day / kCampaignSlotDays;
  for (int32_t i = 0; i < 3; ++i) slots_[i] = CampaignIn(scenario, seed, slot + i - 1);
}

double CampaignsAround::LogFactor() const {
  double sum = 0;
  for (const std::optional<Campaign>& campaign : slots_) {
    if (campaign.has_value() && campaign->first_day <= day_ && day_ <= campaign->last_day) {
      sum += campaign->log_factor;
    }
  }
  return sum;
}

bool CampaignsAround::BeginsWithin(uint32_t days) const {
  return std::ranges::any_of(slots_, [&](const std::optional<Campaign>& campaign) {
    return campaign.has_value() && campaign->first_day > day_ &&
           campaign->first_day <= day_ + static_cast<int32_t>(days);
  });
}

}  // namespace caravan::data
