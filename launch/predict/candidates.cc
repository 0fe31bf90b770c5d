#include "launch/predict/candidates.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <tuple>

#include "base/status_macros.h"
#include "data/calendar.h"
#include "launch/predict/prediction_file.h"

namespace caravan::launch {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::string TaskNames(const conf::Schema& schema) {
  std::string names;
  for (const conf::TaskSchema& task : schema.tasks()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", task.name());
  }
  return names;
}

absl::StatusOr<Condition> ParseCondition(std::string_view text, const conf::Schema& schema) {
  const size_t sign = text.find_first_of("<>");
  if (sign == std::string_view::npos || sign == 0) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is no condition: it is TASK<NUMBER, or with <=, > or >=", text));
  }
  const bool or_equal = sign + 1 < text.size() && text[sign + 1] == '=';
  Condition condition;
  condition.comparison =
      text[sign] == '<'
          ? (or_equal ? Condition::Comparison::kLessOrEqual : Condition::Comparison::kLess)
          : (or_equal ? Condition::Comparison::kGreaterOrEqual : Condition::Comparison::kGreater);
  const std::string_view name = Trimmed(text.substr(0, sign));
  const auto task = std::ranges::find(schema.tasks(), name, &conf::TaskSchema::name);
  if (task == schema.tasks().end()) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\": there is no task \"{}\"; it has {}", text, name, TaskNames(schema)));
  }
  condition.task = static_cast<uint32_t>(task - schema.tasks().begin());
  const std::string_view number = Trimmed(text.substr(sign + (or_equal ? 2 : 1)));
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), condition.bound);
  if (error != std::errc() || end != number.data() + number.size() ||
      !std::isfinite(condition.bound)) {
    return absl::InvalidArgumentError(fmt::format("\"{}\": \"{}\" is no number", text, number));
  }
  return condition;
}

const std::string& ScenarioId(const Candidate& candidate, const conf::Schema& schema) {
  return schema.scenarios(static_cast<int>(candidate.scenario));
}

}  // namespace

bool Condition::Holds(float prediction) const {
  switch (comparison) {
    case Comparison::kLess:
      return prediction < bound;
    case Comparison::kLessOrEqual:
      return prediction <= bound;
    case Comparison::kGreater:
      return prediction > bound;
    case Comparison::kGreaterOrEqual:
      return prediction >= bound;
  }
  return false;
}

bool Condition::PrefersLow() const {
  return comparison == Comparison::kLess || comparison == Comparison::kLessOrEqual;
}

absl::StatusOr<std::vector<Condition>> ParseConditions(std::string_view text,
                                                       const conf::Schema& schema) {
  std::vector<Condition> conditions;
  while (true) {
    const size_t comma = text.find(',');
    CARAVAN_ASSIGN_OR_RETURN(Condition condition,
                             ParseCondition(Trimmed(text.substr(0, comma)), schema));
    conditions.push_back(condition);
    if (comma == std::string_view::npos) return conditions;
    text.remove_prefix(comma + 1);
  }
}

void Candidates::Add(std::string entity, uint32_t scenario, int32_t anchor_day,
                     std::span<const float> predictions) {
  if (scenario_ >= 0 && scenario != static_cast<uint32_t>(scenario_)) return;
  const auto [place, is_new] = latest_.try_emplace({std::move(entity), scenario});
  Candidate& candidate = place->second;
  if (!is_new && candidate.anchor_day >= anchor_day) return;
  candidate.scenario = scenario;
  candidate.anchor_day = anchor_day;
  candidate.predictions.assign(predictions.begin(), predictions.end());
}

std::vector<Candidate> Candidates::Best(size_t top) const {
  std::vector<Candidate> chosen;
  for (const auto& entry : latest_) {
    const Candidate& candidate = entry.second;
    const auto holds = [&candidate](const Condition& condition) {
      return condition.Holds(candidate.predictions[condition.task]);
    };
    if (!std::ranges::all_of(conditions_, holds)) continue;
    chosen.push_back(candidate);
    chosen.back().entity = entry.first.first;
  }
  const Condition& first = conditions_.front();
  const auto rank = [&first](const Candidate& candidate) {
    const float prediction = candidate.predictions[first.task];
    return std::tuple(first.PrefersLow() ? prediction : -prediction,
                      std::string_view(candidate.entity), candidate.scenario);
  };
  std::ranges::sort(chosen,
                    [&rank](const Candidate& a, const Candidate& b) { return rank(a) < rank(b); });
  if (top > 0 && chosen.size() > top) chosen.resize(top);
  return chosen;
}

std::string CandidatesCsv(std::span<const Candidate> candidates, const conf::Schema& schema) {
  std::string text = "rank,entity,scenario,date";
  for (const conf::TaskSchema& task : schema.tasks()) text += "," + CsvField(task.name());
  text += "\n";
  size_t rank = 0;
  for (const Candidate& candidate : candidates) {
    text += fmt::format("{},{},{},{}", ++rank, CsvField(candidate.entity),
                        CsvField(ScenarioId(candidate, schema)),
                        data::FormatDate(candidate.anchor_day));
    for (const float prediction : candidate.predictions) text += fmt::format(",{:.9g}", prediction);
    text += "\n";
  }
  return text;
}

std::string CandidatesText(std::span<const Candidate> candidates, const conf::Schema& schema) {
  size_t entity_width = 6;
  for (const Candidate& candidate : candidates) {
    entity_width = std::max(entity_width, candidate.entity.size());
  }
  std::string text = fmt::format("{:>6}  {:<{}}  {:<10}  {}", "rank", "entity", entity_width,
                                 "scenario", "date      ");
  for (const conf::TaskSchema& task : schema.tasks()) text += fmt::format("  {:>14}", task.name());
  text += "\n";
  size_t rank = 0;
  for (const Candidate& candidate : candidates) {
    text += fmt::format("{:>6}  {:<{}}  {:<10}  {}", ++rank, candidate.entity, entity_width,
                        ScenarioId(candidate, schema), data::FormatDate(candidate.anchor_day));
    for (const float prediction : candidate.predictions) {
      text += fmt::format("  {:>14.4g}", prediction);
    }
    text += "\n";
  }
  return text;
}

}  // namespace caravan::launch
