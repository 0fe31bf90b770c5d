// "Did you mean": the known name that a mistyped one is closest to.
#ifndef CARAVAN_CONF_NEAREST_NAME_H_
#define CARAVAN_CONF_NEAREST_NAME_H_

#include <span>
#include <string>
#include <string_view>

namespace caravan::conf {

// The name of `known` with the smallest edit distance (Levenshtein 1966) to `name`; empty when none
// is within a third of the longer one's length (at least 2).
std::string NearestName(std::string_view name, std::span<const std::string> known);

}  // namespace caravan::conf

#endif  // CARAVAN_CONF_NEAREST_NAME_H_
