#include "model/random_input.h"

#include <type_traits>
#include <utility>

#include "base/hash.h"
#include "base/huge_pages.h"
#include "base/initial_value.h"
#include "base/random.h"

namespace caravan::model {
namespace {

InitialDistribution DistributionOf(const conf::Initializer& initializer) {
  switch (initializer.kind_case()) {
    case conf::Initializer::kNormalDeviation:
      return {InitialKind::kNormal, initializer.normal_deviation()};
    case conf::Initializer::kUniformLimit:
      return {InitialKind::kUniform, initializer.uniform_limit()};
    case conf::Initializer::kConstant:
    case conf::Initializer::KIND_NOT_SET:
      break;
  }
  return {InitialKind::kConstant, initializer.constant()};
}

bool IsAttribute(const GraphField& field) { return !field.sequence; }

}  // namespace

std::vector<float> InitialParameters(const Graph& graph, uint64_t seed, uint64_t drawn_max) {
  std::vector<float> values = ReserveHugePages<float>(graph.parameter_elements());
  for (const Parameter& parameter : graph.parameters()) {
    const InitialDistribution distribution = DistributionOf(parameter.initializer);
    const uint64_t name_hash = HashBytes(parameter.name);
    const uint64_t first = values.size();
    for (uint64_t i = 0; i < parameter.elements; ++i) {
      values.push_back(i < drawn_max ? InitialValue(distribution, seed, name_hash, i)
                                     : values[first + i % drawn_max]);
    }
  }
  return values;
}

template <typename T>
RandomInput<T>::RandomInput(const Graph& graph, const RandomInputOptions& options)
    : batch(options.batch) {
  std::vector<float> initial = InitialParameters(graph, options.seed, options.drawn_max);
  if constexpr (std::is_same_v<T, float>) {
    dense_parameters = std::move(initial);
  } else {
    dense_parameters.assign(initial.begin(), initial.end());
  }
  for (uint32_t table = 0; table < graph.tables().size(); ++table) {
    const conf::TableSpec& spec = graph.tables()[table];
    std::vector<T>& values = rows.emplace_back();
    std::vector<float> row(spec.width());
    for (uint32_t key = 0; key < options.rows_per_table; ++key) {
      InitialRow(DistributionOf(spec.initializer()), options.seed, table, key, row);
      values.insert(values.end(), row.begin(), row.end());
    }
  }
  RandomStream stream(options.seed, HashBytes("random_input"));
  for (const GraphField& field : graph.fields()) {
    std::vector<uint32_t>& indices = row_indices.emplace_back();
    const size_t count = size_t{batch} * (field.sequence ? graph.history_days() : 1);
    for (size_t i = 0; i < count; ++i) {
      const bool repeats =
          IsAttribute(field) && options.distinct_attributes > 0 && i >= options.distinct_attributes;
      indices.push_back(repeats ? indices[i - options.distinct_attributes]
                                : static_cast<uint32_t>(stream.NextBelow(options.rows_per_table)));
    }
  }
  for (size_t i = 0; i < size_t{batch} * graph.dense_features(); ++i) {
    dense_features.push_back(static_cast<T>(stream.NextNormal()));
  }
  size_t scenario_count = 0;
  for (const GraphTask& task : graph.tasks()) {
    scenario_count = std::max(scenario_count, task.scenario_factors.size());
  }
  for (uint32_t b = 0; b < batch; ++b) {
    if (scenario_count > 0) scenarios.push_back(static_cast<uint32_t>(b % scenario_count));
    for (const GraphTask& task : graph.tasks()) {
      labels.push_back(static_cast<T>(stream.NextBelow(task.loss == conf::CROSS_ENTROPY ? 2 : 6)));
    }
  }
}

template <typename T>
GraphInput<T> RandomInput<T>::view() const {
  GraphInput<T> input;
  input.batch = batch;
  input.dense_parameters = dense_parameters;
  for (const std::vector<T>& values : rows) input.rows.emplace_back(values);
  for (const std::vector<uint32_t>& indices : row_indices) input.row_indices.emplace_back(indices);
  input.dense_features = dense_features;
  input.labels = labels;
  input.scenarios = scenarios;
  input.dropout_seed = 1;
  return input;
}

template class RandomInput<float>;
template class RandomInput<double>;

}  // namespace caravan::model
