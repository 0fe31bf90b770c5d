#include "launch/sample_table.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace caravan::launch {

std::string SampleTable(const conf::Schema& schema) {
  constexpr size_t kNumberWidth = 10;
  const auto width = [&](int scenario) {
    return std::max(kNumberWidth, schema.scenarios(scenario).size() + 2);
  };
  std::string table = fmt::format("{:<6} {:<24}", "split", "anchors");
  for (int i = 0; i < schema.scenarios_size(); ++i) {
    table += fmt::format("{:>{}}", schema.scenarios(i), width(i));
  }
  table += fmt::format("{:>12}\n", "samples");
  for (const conf::SplitSchema& split : schema.splits()) {
    table += fmt::format("{:<6} {:<24}", split.name(),
                         fmt::format("{} - {}", split.first_anchor(), split.last_anchor()));
    uint64_t total = 0;
    for (int i = 0; i < split.scenario_samples_size(); ++i) {
      table += fmt::format("{:>{}}", split.scenario_samples(i), width(i));
      total += split.scenario_samples(i);
    }
    table += fmt::format("{:>12}\n", total);
  }
  for (int i = 0; i < schema.scenario_names_size(); ++i) {
    if (schema.scenario_names(i) == schema.scenarios(i)) continue;
    table += fmt::format("{} is {}\n", schema.scenarios(i), schema.scenario_names(i));
  }
  return table;
}

nlohmann::ordered_json SampleCounts(const conf::Schema& schema) {
  nlohmann::ordered_json samples = nlohmann::ordered_json::object();
  for (const conf::SplitSchema& split : schema.splits()) {
    nlohmann::ordered_json& counts = samples[split.name()];
    for (int i = 0; i < split.scenario_samples_size(); ++i) {
      counts[schema.scenarios(i)] = split.scenario_samples(i);
    }
  }
  return samples;
}

}  // namespace caravan::launch
