#include "launch/flags.h"

DEFINE_string(job, "", "job file (Protobuf text, schema conf/job.proto)");
DEFINE_string(run, "", "run directory: all of a run");
DEFINE_string(data, "", "imported data folder, as written by `caravan import`");
DEFINE_string(out, "", "where the result is written");
DEFINE_string(split, "test", "train, valid or test");
DEFINE_string(checkpoint, "latest", "number of a checkpoint of the run; 0: the initial state");
DEFINE_string(scheduler, "", "the scheduler's endpoint: ipc:///path or tcp://host:port");
DEFINE_string(listen, "", "endpoint to listen at: ipc:///path or tcp://host:port");
DEFINE_bool(json, false, "print JSON for programs instead of text for people");
