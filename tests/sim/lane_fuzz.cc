// Any bytes as requests to a lane: each gets an answer that can be read.
#include <cstdlib>

#include "ps/lane.h"
#include "tests/net/fuzz_input.h"
#include "tests/sim/disk.h"
#include "tests/sim/lane_state.h"
#include "tests/sim/small_model.h"

namespace caravan::sim {
namespace {

class FuzzedLane {
 public:
  FuzzedLane() {
    shape_.servers = 1;
    spec_ = MakeRunSpec(shape_);
    spec_.mutable_job()->mutable_server()->set_hot_rows_mebibytes(1);
    lane_ = *ps::Lane::Create(spec_, {.run_id = spec_.run_id(),
                                      .data_directory = "/lane",
                                      .file_system = &process_,
                                      .record_stores = &process_});
  }

  void Take(net::Message message) {
    // Nobody finds the run's number by chance.
    if (absl::StatusOr<net::Header> header = net::ParseHeader(message); header.ok()) {
      header->set_run_id(spec_.run_id());
      message.frames[0] = std::move(net::MakeMessage(*header).frames[0]);
    }
    const absl::StatusOr<net::Reply> reply = net::ParseReply(lane_->HandleNow(message));
    if (!reply.ok() || !reply->has_code()) std::abort();
  }

 private:
  Shape shape_;
  conf::RunSpec spec_;
  Disk disk_{RandomStream(1)};
  DiskOfProcess process_{&disk_};
  std::unique_ptr<ps::Lane> lane_;
};

}  // namespace
}  // namespace caravan::sim

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caravan::sim::FuzzedLane lane;
  for (caravan::net::Message& message : caravan::net::TakeMessages({data, size})) {
    lane.Take(std::move(message));
  }
  return 0;
}
