// Flags that several commands take. A command's own flags stand in its own file; a name is defined
// once in the program.
#ifndef CARAVAN_LAUNCH_FLAGS_H_
#define CARAVAN_LAUNCH_FLAGS_H_

#include <gflags/gflags.h>

#include <string>
#include <vector>

DECLARE_string(job);
DECLARE_string(run);
DECLARE_string(data);
DECLARE_string(out);
DECLARE_string(split);
DECLARE_string(checkpoint);
DECLARE_string(scheduler);
DECLARE_string(listen);
DECLARE_bool(json);
DECLARE_uint32(workers);
DECLARE_uint32(servers);
DECLARE_uint32(lanes);
DECLARE_string(hold_out_scenario);
DECLARE_double(keep_fraction);

namespace caravan::launch {

// The overrides of --set, with those of --workers, --servers, --lanes, --hold_out_scenario and
// --keep_fraction behind them.
std::vector<std::string> WithFlags(std::vector<std::string> overrides);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_FLAGS_H_
