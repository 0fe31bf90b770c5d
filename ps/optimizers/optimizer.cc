#include "ps/optimizers/optimizer.h"

#include "ps/optimizers/adagrad.h"
#include "ps/optimizers/adam.h"
#include "ps/optimizers/ftrl.h"
#include "ps/optimizers/sgd.h"

namespace caravan::ps {

std::unique_ptr<Optimizer> MakeOptimizer(const conf::Optimizer& config) {
  switch (config.kind_case()) {
    case conf::Optimizer::kAdagrad:
      return std::make_unique<Adagrad>(config.adagrad());
    case conf::Optimizer::kSgd:
      return std::make_unique<Sgd>(config.sgd());
    case conf::Optimizer::kFtrl:
      return std::make_unique<Ftrl>(config.ftrl());
    case conf::Optimizer::kAdam:
    case conf::Optimizer::KIND_NOT_SET:
      break;
  }
  return std::make_unique<Adam>(config.adam());
}

}  // namespace caravan::ps
