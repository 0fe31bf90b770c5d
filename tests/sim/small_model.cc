#include "tests/sim/small_model.h"

#include <fmt/format.h>

#include <set>

#include "base/random.h"

namespace caravan::sim {
namespace {

constexpr uint32_t kWidths[] = {2, 3};        // of the tables
constexpr uint64_t kTensorFloats[] = {5, 3};  // one dense chunk each

RandomStream StreamOf(const Shape& shape, uint32_t epoch, uint32_t block, uint32_t batch) {
  return RandomStream(shape.seed, CombineHash(epoch, block), batch);
}

void FillGradients(RandomStream& random, bool of_weights, const std::vector<float>& weights,
                   std::vector<float>& gradients) {
  gradients.resize(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    gradients[i] = 2 * random.NextUniform() - 1 + (of_weights ? weights[i] : 0.0F);
  }
}

}  // namespace

conf::RunSpec MakeRunSpec(const Shape& shape) {
  conf::RunSpec spec;
  spec.set_run_id(CombineHash(shape.seed, 0x72756e));
  spec.set_version("sim");
  spec.set_run_directory("/run");
  spec.set_data_directory("/data");
  conf::Job& job = *spec.mutable_job();
  job.mutable_training()->set_seed(shape.seed);
  job.mutable_training()->set_epochs(shape.epochs);
  job.mutable_training()->set_batch_size(kBatchSamples);
  job.mutable_cluster()->set_servers(shape.servers);
  job.mutable_cluster()->set_lanes(shape.lanes);
  job.mutable_cluster()->set_workers(shape.workers);
  job.mutable_cluster()->set_shards(shape.shards);
  spec.mutable_block_plan()->set_batch_size(kBatchSamples);
  spec.mutable_block_plan()->set_block_batches(shape.block_batches);

  conf::Schema& schema = *spec.mutable_schema();
  schema.add_scenarios("only");
  schema.add_tasks()->set_name("task");
  conf::SplitSchema& train = *schema.add_splits();
  train.set_name("train");
  // The last block is shorter than the others, and its last batch too.
  const uint64_t whole = uint64_t{kBatchSamples} * shape.block_batches;
  train.add_files()->set_samples(whole * shape.blocks - kBatchSamples / 2);

  for (const uint32_t width : kWidths) {
    conf::TableSpec& table = *spec.mutable_model()->add_tables();
    table.set_name(fmt::format("table {}", width));
    table.set_width(width);
    table.mutable_initializer()->set_normal_deviation(0.1F);
  }
  for (const uint64_t floats : kTensorFloats) {
    conf::DenseTensor& tensor = *spec.mutable_model()->add_tensors();
    tensor.set_name(fmt::format("tensor {}", floats));
    tensor.add_dimensions(floats);
    tensor.mutable_initializer()->set_constant(0.5F);
    tensor.set_l2(floats == 5);
  }
  spec.mutable_model()->set_net("small");
  return spec;
}

std::vector<uint64_t> BlockSamples(const Shape& shape) {
  std::vector<uint64_t> samples(shape.blocks, uint64_t{kBatchSamples} * shape.block_batches);
  samples.back() -= kBatchSamples / 2;
  return samples;
}

worker::TableKeys BatchKeys(const Shape& shape, uint32_t epoch, uint32_t block, uint32_t batch) {
  RandomStream random = StreamOf(shape, epoch, block, batch);
  worker::TableKeys keys(std::size(kWidths));
  for (std::vector<uint64_t>& table : keys) {
    std::set<uint64_t> drawn;
    const uint64_t count = random.NextBelow(5);
    while (drawn.size() < count) drawn.insert(random.NextBelow(kKeys));
    table.assign(drawn.begin(), drawn.end());
  }
  return keys;
}

void BatchGradientsOf(const Shape& shape, const net::BatchTag& tag, const worker::TableKeys& keys,
                      const worker::Parameters& pulled, worker::BatchGradients& gradients) {
  RandomStream random = StreamOf(shape, tag.epoch(), tag.block(), ~tag.batch());
  gradients.rows.resize(keys.size());
  for (size_t table = 0; table < keys.size(); ++table) {
    FillGradients(random, shape.gradients_of_weights, pulled.rows[table], gradients.rows[table]);
  }
  FillGradients(random, shape.gradients_of_weights, pulled.dense, gradients.dense);
}

}  // namespace caravan::sim
