// Dates as days since 1970-01-01, proleptic Gregorian.
#ifndef CARAVAN_DATA_CALENDAR_H_
#define CARAVAN_DATA_CALENDAR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caravan::data {

// YYYY-MM-DD and nothing else; nothing for a text that is no day of the calendar.
std::optional<int32_t> ParseDate(std::string_view text);

std::string FormatDate(int32_t day);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_CALENDAR_H_
