// How a label is distributed when the true rates of its days are known: its counts are independent
// Poisson draws. Pure.
#ifndef CARAVAN_DATA_WORLD_LABEL_LAW_H_
#define CARAVAN_DATA_WORLD_LABEL_LAW_H_

#include <span>

#include "conf/job.pb.h"

namespace caravan::data {

struct LabelLaw {
  // The label's true rate: what a model trained with a Poisson loss would predict at its best.
  double mean = 0;
  // Of all predictions that with the lowest expected absolute error.
  double median = 0;
};

// rates: one a day of the horizon.
//   SUM           a Poisson number of the rates' sum
//   DAYS_NONZERO  a sum of independent days, each 1 with chance 1 - exp(-rate)
//   ANY_NONZERO   1 with chance 1 - exp(-sum of the rates)
LabelLaw LawOf(conf::Aggregate aggregate, std::span<const double> rates);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_WORLD_LABEL_LAW_H_
