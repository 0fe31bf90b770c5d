#include "conf/fingerprint.h"

#include <xxhash.h>

#include <string>

#include "conf/job_defaults.h"

namespace caravan::conf {
namespace {

// Neither maps nor unknown fields are in these messages, so the bytes follow from the values.
uint64_t HashMessage(const google::protobuf::Message& message) {
  const std::string bytes = message.SerializeAsString();
  return XXH3_64bits(bytes.data(), bytes.size());
}

void ClearPlaces(Data& data) {
  data.clear_directory();
  data.clear_daily_file();
  data.clear_entities_file();
  data.clear_scenarios_file();
}

}  // namespace

uint64_t JobFingerprint(const Job& job) {
  Job kept = job;
  FillDefaults(kept);
  kept.clear_name();
  ClearPlaces(*kept.mutable_data());
  const uint32_t shards = kept.cluster().shards();
  kept.clear_cluster();
  kept.mutable_cluster()->set_shards(shards);
  kept.clear_worker();
  kept.clear_server();
  kept.clear_checkpoint();
  // A run may go on for more epochs than it began with, and with more patience.
  kept.mutable_training()->clear_epochs();
  kept.mutable_training()->clear_early_stopping();
  return HashMessage(kept);
}

uint64_t DataFingerprint(const Data& data) {
  Data kept = data;
  FillDefaults(kept);
  ClearPlaces(kept);
  // A task's weight is for training alone.
  for (Task& task : *kept.mutable_tasks()) task.clear_weight();
  return HashMessage(kept);
}

uint64_t ModelFingerprint(const ModelSpec& model) { return HashMessage(model); }

}  // namespace caravan::conf
