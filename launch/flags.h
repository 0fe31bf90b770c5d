// Flags that several commands take. A command's own flags stand in its own file; a name is defined
// once in the program.
#ifndef CARAVAN_LAUNCH_FLAGS_H_
#define CARAVAN_LAUNCH_FLAGS_H_

#include <gflags/gflags.h>

DECLARE_string(job);
DECLARE_string(run);
DECLARE_string(data);
DECLARE_string(out);
DECLARE_string(split);
DECLARE_string(checkpoint);
DECLARE_string(scheduler);
DECLARE_string(listen);
DECLARE_bool(json);

#endif  // CARAVAN_LAUNCH_FLAGS_H_
