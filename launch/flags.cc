#include "launch/flags.h"

#include <fmt/format.h>

#include <utility>

DEFINE_string(job, "", "job file (Protobuf text, schema conf/job.proto)");
DEFINE_string(run, "", "run directory: all of a run");
DEFINE_string(data, "", "imported data folder, as written by `caravan import`");
DEFINE_string(out, "", "where the result is written");
DEFINE_string(split, "test", "train, valid or test");
DEFINE_string(checkpoint, "latest", "number of a checkpoint of the run; 0: the initial state");
DEFINE_string(scheduler, "", "the scheduler's endpoint: ipc:///path or tcp://host:port");
DEFINE_string(listen, "", "endpoint to listen at: ipc:///path or tcp://host:port");
DEFINE_bool(json, false, "print JSON for programs instead of text for people");
DEFINE_uint32(workers, 0, "worker processes; 0: cluster.workers of the job");
DEFINE_uint32(servers, 0, "server processes; 0: cluster.servers of the job");
DEFINE_uint32(lanes, 0, "lanes a server; 0: cluster.lanes of the job");

namespace caravan::launch {

std::vector<std::string> WithClusterSizes(std::vector<std::string> overrides) {
  for (const auto& [field, value] :
       {std::pair{"workers", FLAGS_workers}, std::pair{"servers", FLAGS_servers},
        std::pair{"lanes", FLAGS_lanes}}) {
    if (value > 0) overrides.push_back(fmt::format("cluster.{}={}", field, value));
  }
  return overrides;
}

}  // namespace caravan::launch
