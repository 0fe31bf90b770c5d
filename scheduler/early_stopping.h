// training.early_stopping: training ends once the validation split's score has been no better than
// its best for `patience` evaluations in a row. Pure.
#ifndef CARAVAN_SCHEDULER_EARLY_STOPPING_H_
#define CARAVAN_SCHEDULER_EARLY_STOPPING_H_

#include <cstdint>
#include <string>
#include <utility>

#include "conf/job.pb.h"
#include "conf/manifest.pb.h"
#include "scheduler/observer.h"

namespace caravan::scheduler {

// The plain mean over the cells (task, scenario): NMAE, of a cross-entropy task the log loss. Lower
// is better; infinity where no cell has a figure.
double ValidationScore(const conf::Job& job, const Evaluation& evaluation);

class EarlyStopping {
 public:
  // `state`: of a run that goes on.
  EarlyStopping(const conf::Training& training, conf::ValidationState state)
      : is_on_(training.has_early_stopping()),
        patience_(training.early_stopping().patience()),
        state_(std::move(state)) {}

  // The score after `epoch`. One that is no number is no better than any; a score of an epoch that
  // was told before changes nothing.
  void Add(uint32_t epoch, double score);

  bool is_on() const { return is_on_; }
  // No more epochs are to be trained.
  bool has_stopped() const { return is_on_ && state_.evaluations_since_best() >= patience_; }
  // "the validation split's score was lowest after epoch 2 (0.1234)"; why training has stopped.
  std::string Reason() const;
  const conf::ValidationState& state() const { return state_; }
  void SetState(conf::ValidationState state) { state_ = std::move(state); }

 private:
  const bool is_on_;
  const uint32_t patience_;
  conf::ValidationState state_;
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_EARLY_STOPPING_H_
