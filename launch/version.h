// The program's version: what `caravan --version` prints and what roles compare when they meet.
#ifndef CARAVAN_LAUNCH_VERSION_H_
#define CARAVAN_LAUNCH_VERSION_H_

#include <string_view>

namespace caravan::launch {

// CARAVAN_VERSION comes from CMakeLists.txt.
inline constexpr std::string_view kVersion = CARAVAN_VERSION;

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_VERSION_H_
