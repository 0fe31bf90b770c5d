// The learning rate's schedule: what multiplies the optimizers' rate, by the share of the run's
// batches that are begun.
#ifndef CARAVAN_SCHEDULER_LEARNING_RATE_H_
#define CARAVAN_SCHEDULER_LEARNING_RATE_H_

#include "conf/job.pb.h"

namespace caravan::scheduler {

// progress: batches begun / batches of the run, cut to [0, 1].
// Warm-up, progress < w = warmup_fraction: progress / w. Then, with x = (progress - w) / (1 - w):
// CONSTANT: 1; COSINE (Loshchilov and Hutter, ICLR 2017, one cycle):
// f + (1 - f) * (1 + cos(pi x)) / 2, f = final_fraction.
float LearningRateScale(const conf::Training& training, double progress);

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_LEARNING_RATE_H_
