#include "model/ranking.h"

#include <algorithm>
#include <cmath>

namespace caravan::model {
namespace {

constexpr double kBinsPerUnit = 16;
constexpr double kLeastShare = 1e-7;

size_t BinOf(double probability) {
  const double share = std::clamp(probability, kLeastShare, 1 - kLeastShare);
  const double log_odds = std::log(share) - std::log1p(-share);
  const double bin = std::floor(log_odds * kBinsPerUnit) + kRankingBins / 2.0;
  return static_cast<size_t>(std::clamp(bin, 0.0, kRankingBins - 1.0));
}

void AddTo(std::vector<uint64_t>& sums, const std::vector<uint64_t>& more) {
  if (sums.size() < more.size()) sums.resize(more.size());
  for (size_t i = 0; i < more.size(); ++i) sums[i] += more[i];
}

}  // namespace

void RankingCounts::Add(double probability, bool positive) {
  positives.resize(kRankingBins);
  negatives.resize(kRankingBins);
  ++(positive ? positives : negatives)[BinOf(probability)];
}

void RankingCounts::Merge(const RankingCounts& other) {
  AddTo(positives, other.positives);
  AddTo(negatives, other.negatives);
}

std::optional<double> RankingCounts::Auc() const {
  double below = 0;  // negatives of lower bins
  double above = 0;  // pairs in which the positive ranks higher
  double all = 0;    // positives
  for (size_t bin = 0; bin < std::min(positives.size(), negatives.size()); ++bin) {
    const auto positive = static_cast<double>(positives[bin]);
    const auto negative = static_cast<double>(negatives[bin]);
    above += positive * (below + negative / 2);
    below += negative;
    all += positive;
  }
  if (all == 0 || below == 0) return std::nullopt;
  return above / (all * below);
}

}  // namespace caravan::model
