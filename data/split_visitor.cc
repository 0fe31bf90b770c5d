#include "data/split_visitor.h"

#include <fmt/format.h>

#include <memory>

#include "base/status_macros.h"
#include "data/block_plan.h"

namespace caravan::data {
namespace {

constexpr uint32_t kBlockBatches = 64;

absl::StatusOr<const conf::SplitSchema*> FindSplit(const conf::Schema& schema,
                                                   const std::string& name) {
  std::string known;
  for (const conf::SplitSchema& split : schema.splits()) {
    if (split.name() == name) return &split;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", split.name());
  }
  return absl::NotFoundError(
      fmt::format("the data set has no split '{}'; it has: {}", name, known));
}

}  // namespace

absl::Status VisitSplit(const std::string& directory, const conf::Schema& schema,
                        const std::string& split, uint32_t batch_size, const BatchVisitor& visit) {
  CARAVAN_ASSIGN_OR_RETURN(const conf::SplitSchema* const found, FindSplit(schema, split));
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<SampleReader> reader,
                           SampleReader::Open(directory, schema, split));
  conf::BlockPlan plan;
  plan.set_batch_size(batch_size);
  plan.set_block_batches(kBlockBatches);
  Batch batch;
  const auto blocks = Blocks(plan, *found);
  for (uint32_t block = 0; block < blocks.size(); ++block) {
    for (uint32_t number = 0; uint64_t{number} * batch_size < blocks[block].samples; ++number) {
      CARAVAN_RETURN_IF_ERROR(
          reader->Read(plan, {.block = block, .batch = number, .shuffle = false}, batch));
      CARAVAN_RETURN_IF_ERROR(visit(batch, *reader));
    }
  }
  return absl::OkStatus();
}

}  // namespace caravan::data
