// How well probabilities rank a binary task's samples: the area under the ROC curve, from counts by
// bin of predicted log-odds, so that it can be gathered batch by batch and merged over workers.
//   AUC = P(a positive's prediction is above a negative's), ties counted half
// (Hanley and McNeil, Radiology 1982). Predictions of one bin count as ties: bins are 1/16 wide in
// log-odds, so AUC is off by at most half the share of pairs that lie within one bin.
#ifndef CARAVAN_MODEL_RANKING_H_
#define CARAVAN_MODEL_RANKING_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace caravan::model {

inline constexpr uint32_t kRankingBins = 512;  // log-odds -16 to 16; the outer ones hold the rest

// A value. No bins until the first sample: other tasks carry none.
struct RankingCounts {
  std::vector<uint64_t> positives;  // by bin, or empty
  std::vector<uint64_t> negatives;

  void Add(double probability, bool positive);
  // `other`: as Add and Merge make them.
  void Merge(const RankingCounts& other);
  // None where there is no positive or no negative.
  std::optional<double> Auc() const;
};

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_RANKING_H_
