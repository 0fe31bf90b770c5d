#include "launch/flags.h"

#include <fmt/format.h>

#include <utility>

DEFINE_string(job, "", "job file (Protobuf text, schema conf/job.proto)");
DEFINE_string(run, "", "run directory: all of a run");
DEFINE_string(data, "", "imported data folder, as written by `caravan import`");
DEFINE_string(out, "", "where the result is written");
DEFINE_string(split, "test", "train, valid or test");
DEFINE_string(
    checkpoint, "latest",
    "latest, best (by the validation split, with training.early_stopping), or the number of a "
    "checkpoint of the run; 0: the initial state");
DEFINE_string(scheduler, "", "the scheduler's endpoint: ipc:///path or tcp://host:port");
DEFINE_string(listen, "", "endpoint to listen at: ipc:///path or tcp://host:port");
DEFINE_bool(json, false, "print JSON for programs instead of text for people");
DEFINE_uint32(workers, 0, "worker processes; 0: cluster.workers of the job");
DEFINE_uint32(servers, 0, "server processes; 0: cluster.servers of the job");
DEFINE_uint32(lanes, 0, "lanes a server; 0: cluster.lanes of the job");
DEFINE_string(hold_out_scenario, "",
              "id of a scenario most of whose training samples are left out; empty: none");
DEFINE_double(keep_fraction, 0, "share of the held-out scenario's training samples that stays");

namespace caravan::launch {

std::vector<std::string> WithFlags(std::vector<std::string> overrides) {
  for (const auto& [field, value] :
       {std::pair{"workers", FLAGS_workers}, std::pair{"servers", FLAGS_servers},
        std::pair{"lanes", FLAGS_lanes}}) {
    if (value > 0) overrides.push_back(fmt::format("cluster.{}={}", field, value));
  }
  if (!FLAGS_hold_out_scenario.empty()) {
    overrides.push_back("data.hold_out.scenario=" + FLAGS_hold_out_scenario);
    overrides.push_back(fmt::format("data.hold_out.keep_fraction={}", FLAGS_keep_fraction));
  }
  return overrides;
}

}  // namespace caravan::launch
