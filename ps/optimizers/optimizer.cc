#include "ps/optimizers/optimizer.h"

#include <utility>

#include "ps/optimizers/adagrad.h"
#include "ps/optimizers/adam.h"
#include "ps/optimizers/averaging.h"
#include "ps/optimizers/ftrl.h"
#include "ps/optimizers/sgd.h"

namespace caravan::ps {
namespace {

std::unique_ptr<Optimizer> MakeAveraging(const conf::Optimizer& config,
                                         const conf::Training& training) {
  std::unique_ptr<Optimizer> optimizer = MakeOptimizer(config);
  if (!training.has_weight_averaging()) return optimizer;
  return std::make_unique<Averaging>(std::move(optimizer), training.weight_averaging());
}

}  // namespace

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

std::unique_ptr<Optimizer> MakeRowOptimizer(const conf::Training& training) {
  return MakeAveraging(
      training.has_sparse_optimizer() ? training.sparse_optimizer() : training.optimizer(),
      training);
}

std::unique_ptr<Optimizer> MakeDenseOptimizer(const conf::Training& training) {
  return MakeAveraging(training.optimizer(), training);
}

}  // namespace caravan::ps
