#include "ps/server.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <optional>
#include <random>
#include <utility>

#include <glog/logging.h>

#include "absl/time/clock.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "conf/run_spec.pb.h"
#include "net/manifest_file.h"
#include "net/request_client.h"
#include "net/socket.h"
#include "ps/lane_runner.h"

namespace caravan::ps {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(10);

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
    CARAVAN_ASSIGN_OR_RETURN(scheduler_, net::RequestClient::Connect(context_, {options_.scheduler},
                                                                     {.repeat_after = Millis{1000},
                                                                      .sender = incarnation_}));
    CARAVAN_ASSIGN_OR_RETURN(const uint32_t lanes, LaneCount());
    CARAVAN_RETURN_IF_ERROR(Bind(lanes));
    CARAVAN_RETURN_IF_ERROR(Join());
    CARAVAN_RETURN_IF_ERROR(BuildLanes());
    absl::Status ended = SendHeartbeats();
    for (const auto& lane : lanes_) lane->Stop();
    lanes_.clear();
    std::error_code ignored;  // scratch: the next server of this place empties it too
    std::filesystem::remove_all(state_directory_, ignored);
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
      absl::SleepFor(kPause);
    }
    CARAVAN_ASSIGN_OR_RETURN(net::Answer answer, scheduler_->Await(ticket));
    CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
    return answer;
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

  absl::Status Join() {
    net::Header header = MakeHello(net::SERVER);
    for (const auto& lane : lanes_) header.mutable_hello()->add_lane_endpoints(lane->endpoint());
    CARAVAN_ASSIGN_OR_RETURN(net::Answer answer, Ask(header));
    welcome_ = std::move(*answer.reply.mutable_welcome());
    CARAVAN_RETURN_IF_ERROR(ParseSpec(welcome_));
    if (welcome_.lanes_size() != static_cast<int>(lanes_.size())) {
      return absl::InternalError(fmt::format("the scheduler gave {} lanes to a server with {}",
                                             welcome_.lanes_size(), lanes_.size()));
    }
    scheduler_->SetRun(spec_.run_id(), welcome_.routing().epoch());
    state_directory_ =
        options_.state_directory.empty()
            ? fmt::format("{}/state/server-{:03}", spec_.run_directory(), welcome_.id())
            : options_.state_directory;
    LOG(INFO) << "server=" << welcome_.id() << " joined run=" << spec_.run_id()
              << " lanes=" << lanes_.size() << " of=" << welcome_.lanes_total();
    return absl::OkStatus();
  }

  absl::Status BuildLanes() {
    const std::string& restore = welcome_.restore_directory();
    for (size_t i = 0; i < lanes_.size(); ++i) {
      const uint32_t number = welcome_.lanes(static_cast<int>(i));
      const Lane::Options options{
          .lane = LaneId{number},
          .lanes_total = welcome_.lanes_total(),
          .run_id = spec_.run_id(),
          .data_directory = fmt::format("{}/lane-{:03}", state_directory_, number)};
      // The first lane's thread verifies the files for all, while heartbeats go on.
      lanes_[i]->Build([this, options, restore]() -> absl::StatusOr<std::unique_ptr<Lane>> {
        CARAVAN_RETURN_IF_ERROR(CreateDirectories(options.data_directory));
        if (restore.empty()) return Lane::Create(spec_, options);
        CARAVAN_ASSIGN_OR_RETURN(const conf::Manifest manifest, VerifiedManifest(restore));
        return Lane::Restore(spec_, options, restore, manifest);
      });
    }
    return absl::OkStatus();
  }

  absl::StatusOr<conf::Manifest> VerifiedManifest(const std::string& directory) {
    const absl::MutexLock lock(&manifest_mutex_);
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
    heartbeat.set_resident_bytes(bytes);
    return header;
  }

  // Returns when the run is over, `stop` is set or a lane has failed.
  absl::Status SendHeartbeats() {
    const absl::Duration interval = absl::Milliseconds(spec_.job().cluster().heartbeat_ms());
    bool was_ready = false;
    while (true) {
      const net::Header heartbeat = MakeHeartbeat();
      was_ready = heartbeat.heartbeat().ready();
      const absl::StatusOr<net::Answer> answer = Ask(heartbeat);
      if (absl::IsCancelled(answer.status())) return absl::OkStatus();
      CARAVAN_RETURN_IF_ERROR(answer.status());
      const net::HeartbeatReply& reply = answer->reply.heartbeat();
      if (reply.order() == net::HeartbeatReply::STOP) return absl::OkStatus();
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
  std::string state_directory_;
  absl::Mutex manifest_mutex_;
  std::optional<absl::StatusOr<conf::Manifest>> manifest_ ABSL_GUARDED_BY(manifest_mutex_);
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
