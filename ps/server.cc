#include "ps/server.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <random>
#include <utility>

#include <glog/logging.h>

#include "absl/time/clock.h"
#include "base/file.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "conf/run_spec.pb.h"
#include "net/manifest_file.h"
#include "net/request_client.h"
#include "net/socket.h"
#include "ps/lane_building.h"
#include "ps/lane_runner.h"
#include "ps/state_folder.h"

namespace caravan::ps {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(10);
constexpr absl::Duration kTellWaitEvery = absl::Seconds(5);
constexpr absl::Duration kAskForPlaceEvery = absl::Seconds(1);
// Until the run says how long it waits (cluster.away_max_ms).
constexpr Millis kJoinPatience{600000};

uint64_t DrawIncarnation() {
  std::random_device device;
  return ((uint64_t{device()} << 32) | device()) | 1;  // never 0
}

// One life of a server. Owned and used by the control thread.
class Server {
 public:
  explicit Server(const ServerOptions& options)
      : options_(options), incarnation_(DrawIncarnation()) {}

  absl::Status Run() {
    CARAVAN_ASSIGN_OR_RETURN(scheduler_,
                             net::RequestClient::Connect(context_, {options_.scheduler},
                                                         {.repeat_after = Millis{1000},
                                                          .give_up_after = kJoinPatience,
                                                          .sender = incarnation_}));
    CARAVAN_ASSIGN_OR_RETURN(const uint32_t lanes, LaneCount());
    CARAVAN_RETURN_IF_ERROR(Bind(lanes));
    if (!options_.state_directory.empty()) {
      CARAVAN_ASSIGN_OR_RETURN(folder_, StateFolder::Open(options_.state_directory));
    }
    CARAVAN_RETURN_IF_ERROR(Join());
    CARAVAN_RETURN_IF_ERROR(BuildLanes());
    absl::Status ended = SendHeartbeats();
    for (const auto& lane : lanes_) lane->Stop();
    lanes_.clear();
    // However else it ends, who comes next may go on from the state.
    if (run_is_over_) folder_->RemoveAll();
    return ended;
  }

 private:
  bool IsToldToStop() const { return options_.stop != nullptr && *options_.stop; }

  // Waits in slices, so that a signal is seen while the scheduler is not there. CANCELLED then.
  absl::StatusOr<net::Answer> Ask(const net::Header& header) {
    const uint64_t ticket = scheduler_->Start(0, header, {});
    while (!scheduler_->IsAnswered(ticket)) {
      if (IsToldToStop()) {
        scheduler_->Forget(ticket);
        return absl::CancelledError("told to stop");
      }
      CARAVAN_RETURN_IF_ERROR(LaneFailure());
      TellWait();
      absl::SleepFor(kPause);
    }
    CARAVAN_ASSIGN_OR_RETURN(net::Answer answer, scheduler_->Await(ticket));
    CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
    return answer;
  }

  void TellWait() {
    const std::string waiting = scheduler_->Waiting();
    if (waiting.empty() || absl::Now() - wait_told_at_ < kTellWaitEvery) return;
    wait_told_at_ = absl::Now();
    LOG(WARNING) << "waits for " << waiting;
  }

  net::Header MakeHello(net::Role role) const {
    net::Header header;
    net::Hello& hello = *header.mutable_hello();
    hello.set_role(role);
    hello.set_version(options_.version);
    hello.set_incarnation(incarnation_);
    hello.set_job_fingerprint(options_.job_fingerprint);
    return header;
  }

  absl::Status ParseSpec(const net::Welcome& welcome) {
    if (spec_.ParseFromString(welcome.run_spec()) && spec_.has_job()) return absl::OkStatus();
    return absl::DataLossError(fmt::format(
        "the scheduler's run description ({} bytes) cannot be read", welcome.run_spec().size()));
  }

  absl::StatusOr<uint32_t> LaneCount() {
    scheduler_->SetRun(options_.run_id, 0);
    if (options_.lanes > 0) return options_.lanes;
    CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, Ask(MakeHello(net::OBSERVER)));
    CARAVAN_RETURN_IF_ERROR(ParseSpec(answer.reply.welcome()));
    return spec_.job().cluster().lanes();
  }

  absl::Status Bind(uint32_t lanes) {
    CARAVAN_ASSIGN_OR_RETURN(const std::vector<std::string> endpoints,
                             LaneEndpoints(options_.listen, lanes));
    for (const std::string& endpoint : endpoints) {
      CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<LaneRunner> lane,
                               LaneRunner::Start(context_, endpoint));
      lanes_.push_back(std::move(lane));
    }
    return absl::OkStatus();
  }

  // All places may be taken, one by a server that is dead but not yet known for dead.
  absl::StatusOr<net::Answer> AskForPlace(const net::Header& header) {
    const absl::Time give_up_at = absl::Now() + absl::FromChrono(kJoinPatience);
    while (true) {
      absl::StatusOr<net::Answer> answer = Ask(header);
      if (!absl::IsUnavailable(answer.status()) || absl::Now() > give_up_at) return answer;
      LOG_EVERY_N(WARNING, 10) << "no place yet: " << std::string(answer.status().message());
      for (const absl::Time until = absl::Now() + kAskForPlaceEvery; absl::Now() < until;) {
        if (IsToldToStop()) return absl::CancelledError("told to stop");
        absl::SleepFor(kPause);
      }
    }
  }

  absl::Status Join() {
    net::Header header = MakeHello(net::SERVER);
    for (const auto& lane : lanes_) header.mutable_hello()->add_lane_endpoints(lane->endpoint());
    if (options_.number.has_value()) header.mutable_hello()->set_number(*options_.number);
    if (folder_ != nullptr && folder_->owner().has_value()) {
      const StateOwner& owner = *folder_->owner();
      header.mutable_hello()->set_held_run_id(owner.run_id);
      header.mutable_hello()->mutable_held_lanes()->Add(owner.lanes.begin(), owner.lanes.end());
      header.mutable_hello()->set_held_lanes_total(owner.lanes_total);
      header.mutable_hello()->set_held_incarnation(owner.incarnation);
    }
    CARAVAN_ASSIGN_OR_RETURN(net::Answer answer, AskForPlace(header));
    welcome_ = std::move(*answer.reply.mutable_welcome());
    CARAVAN_RETURN_IF_ERROR(ParseSpec(welcome_));
    if (welcome_.lanes_size() != static_cast<int>(lanes_.size())) {
      return absl::InternalError(fmt::format("the scheduler gave {} lanes to a server with {}",
                                             welcome_.lanes_size(), lanes_.size()));
    }
    scheduler_->SetRun(spec_.run_id(), welcome_.routing().epoch());
    scheduler_->SetGiveUpAfter(Millis{spec_.job().cluster().away_max_ms()});
    for (const auto& lane : lanes_) lane->SetRoutingEpoch(welcome_.routing().epoch());
    if (folder_ == nullptr) {
      CARAVAN_ASSIGN_OR_RETURN(
          folder_, StateFolder::Open(
                       fmt::format("{}/state/server-{:03}", spec_.run_directory(), welcome_.id())));
    }
    LOG(INFO) << "server=" << welcome_.id() << " joined run=" << spec_.run_id()
              << " lanes=" << lanes_.size() << " of=" << welcome_.lanes_total();
    return absl::OkStatus();
  }

  absl::Status BuildLanes() {
    const bool keep_state = welcome_.keep_state();
    state_lost_ = !keep_state || folder_->owner()->state_lost;
    if (!keep_state) CARAVAN_RETURN_IF_ERROR(folder_->Disown());
    for (size_t i = 0; i < lanes_.size(); ++i) {
      const uint32_t number = welcome_.lanes(static_cast<int>(i));
      const Lane::Options options{
          .lane = LaneId{number},
          .lanes_total = welcome_.lanes_total(),
          .run_id = spec_.run_id(),
          .data_directory = fmt::format("{}/lane-{:03}", folder_->path(), number),
          .side = lanes_[i]->side(),
          .cold = lanes_[i]->cold(),
          .writer = lanes_[i]->writer(),
          .kill_points = options_.kill_points};
      lanes_[i]->Build([this, options] { return BuildLane(options); });
    }
    return absl::OkStatus();
  }

  // On a thread of the lane's. The first lane verifies the checkpoint's files for all, while
  // heartbeats go on.
  absl::StatusOr<std::unique_ptr<Lane>> BuildLane(const Lane::Options& options) {
    const std::string& restore = welcome_.restore_directory();
    CARAVAN_ASSIGN_OR_RETURN(BuiltLane built, ps::BuildLane(
                                                  spec_, options, welcome_.keep_state(), restore,
                                                  [&] { return VerifiedManifest(restore); },
                                                  [this] { return GiveUpState(); }));
    if (built.state_lost) state_lost_ = true;
    return std::move(built.lane);
  }

  // The folder is still its last owner's, which the scheduler knows; that it holds less than was
  // acknowledged is told when all lanes serve, by this process or the next.
  absl::Status GiveUpState() {
    const MutexLock lock(&building_mutex_);
    StateOwner owner = *folder_->owner();
    if (owner.state_lost) return absl::OkStatus();
    owner.state_lost = true;
    return folder_->SetOwner(owner);
  }

  // Once all lanes serve: from then on their state is what they acknowledge.
  absl::Status OwnState(bool state_lost) {
    return folder_->SetOwner({.run_id = spec_.run_id(),
                              .incarnation = incarnation_,
                              .lanes_total = welcome_.lanes_total(),
                              .lanes = {welcome_.lanes().begin(), welcome_.lanes().end()},
                              .state_lost = state_lost});
  }

  absl::StatusOr<conf::Manifest> VerifiedManifest(const std::string& directory) {
    const MutexLock lock(&building_mutex_);
    if (!manifest_.has_value()) {
      manifest_ = net::ReadManifest(directory);
      if (manifest_->ok()) {
        if (absl::Status status = net::VerifyFiles(directory, **manifest_); !status.ok()) {
          manifest_ = status;
        }
      }
    }
    return *manifest_;
  }

  absl::Status LaneFailure() const {
    for (const auto& lane : lanes_) CARAVAN_RETURN_IF_ERROR(lane->failure());
    return absl::OkStatus();
  }

  net::Header MakeHeartbeat() const {
    net::Header header;
    net::Heartbeat& heartbeat = *header.mutable_heartbeat();
    heartbeat.set_incarnation(incarnation_);
    bool ready = true;
    uint64_t bytes = 0;
    for (const auto& lane : lanes_) {
      ready = ready && lane->is_ready();
      bytes += lane->resident_bytes();
    }
    heartbeat.set_ready(ready);
    heartbeat.set_state_lost(ready && state_lost_);
    heartbeat.set_resident_bytes(bytes);
    return header;
  }

  // Returns when the run is over, `stop` is set or a lane has failed.
  absl::Status SendHeartbeats() {
    const absl::Duration interval = absl::Milliseconds(spec_.job().cluster().heartbeat_ms());
    bool was_ready = false;
    while (true) {
      const net::Header heartbeat = MakeHeartbeat();
      if (heartbeat.heartbeat().ready() && !was_ready) {
        CARAVAN_RETURN_IF_ERROR(OwnState(state_lost_));
        LOG(INFO) << "server=" << welcome_.id() << " is ready state_lost=" << state_lost_;
      }
      const bool is_news = heartbeat.heartbeat().ready() && !was_ready;
      was_ready = heartbeat.heartbeat().ready();
      const absl::StatusOr<net::Answer> answer = Ask(heartbeat);
      if (absl::IsCancelled(answer.status())) return absl::OkStatus();
      CARAVAN_RETURN_IF_ERROR(answer.status());
      if (is_news && state_lost_) CARAVAN_RETURN_IF_ERROR(OwnState(/*state_lost=*/false));
      const net::HeartbeatReply& reply = answer->reply.heartbeat();
      if (reply.order() == net::HeartbeatReply::STOP) {
        run_is_over_ = true;
        return absl::OkStatus();
      }
      if (reply.order() == net::HeartbeatReply::UNKNOWN) {
        return absl::AbortedError(
            fmt::format("the scheduler at {} does not know server {} any more", options_.scheduler,
                        welcome_.id()));
      }
      if (reply.has_routing()) {
        scheduler_->SetRun(spec_.run_id(), reply.routing().epoch());
        for (const auto& lane : lanes_) lane->SetRoutingEpoch(reply.routing().epoch());
      }
      // Becoming ready is told at once: everybody waits for it.
      for (const absl::Time until = absl::Now() + interval; absl::Now() < until;) {
        if (IsToldToStop()) return absl::OkStatus();
        CARAVAN_RETURN_IF_ERROR(LaneFailure());
        if (!was_ready && MakeHeartbeat().heartbeat().ready()) break;
        absl::SleepFor(kPause);
      }
    }
  }

  const ServerOptions options_;
  const uint64_t incarnation_;
  net::Context context_;
  std::unique_ptr<net::RequestClient> scheduler_;
  conf::RunSpec spec_;
  net::Welcome welcome_;
  std::unique_ptr<StateFolder> folder_;
  std::atomic<bool> state_lost_ = false;
  absl::Time wait_told_at_ = absl::InfinitePast();
  bool run_is_over_ = false;
  Mutex building_mutex_;  // while lanes are built, for folder_ too
  std::optional<absl::StatusOr<conf::Manifest>> manifest_ ABSL_GUARDED_BY(building_mutex_);
  std::vector<std::unique_ptr<LaneRunner>> lanes_;  // last: their builders use what is above
};

}  // namespace

absl::StatusOr<std::vector<std::string>> LaneEndpoints(const std::string& listen, uint32_t lanes) {
  if (listen.empty()) {
    return absl::InvalidArgumentError(
        "no place to listen at: a folder for ipc sockets, or "
        "tcp://host:port");
  }
  std::vector<std::string> endpoints;
  if (!listen.starts_with("tcp://")) {
    const std::string path = listen.starts_with("ipc://") ? listen.substr(6) : listen;
    CARAVAN_RETURN_IF_ERROR(CreateDirectories(path));
    for (uint32_t lane = 0; lane < lanes; ++lane) {
      endpoints.push_back(fmt::format("ipc://{}/lane-{}", path, lane));
    }
    return endpoints;
  }
  const size_t colon = listen.rfind(':');
  const std::string_view port_text = std::string_view(listen).substr(colon + 1);
  if (port_text == "*") return std::vector<std::string>(lanes, listen);
  uint32_t port = 0;
  const auto parsed = std::from_chars(port_text.begin(), port_text.end(), port);
  if (parsed.ec != std::errc() || parsed.ptr != port_text.end() || port + lanes > 65536) {
    return absl::InvalidArgumentError(fmt::format(
        "\"{}\": a port for each of {} lanes is needed, up to 65535, or *", listen, lanes));
  }
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    endpoints.push_back(fmt::format("{}:{}", listen.substr(0, colon), port + lane));
  }
  return endpoints;
}

absl::Status RunServer(const ServerOptions& options) {
  absl::Status status = Server(options).Run();
  return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

}  // namespace caravan::ps
