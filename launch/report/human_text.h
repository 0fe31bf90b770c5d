// Numbers as people read them.
#ifndef CARAVAN_LAUNCH_REPORT_HUMAN_TEXT_H_
#define CARAVAN_LAUNCH_REPORT_HUMAN_TEXT_H_

#include <cstdint>
#include <string>

namespace caravan::launch {

std::string Thousands(double value);       // 52685.4 gives "52,685"
std::string HumanBytes(double bytes);      // "312 MB", "1.2 GB"; powers of 1000
std::string HumanSeconds(double seconds);  // "8 s", "2 m 05 s", "3 h 10 m"

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_REPORT_HUMAN_TEXT_H_
