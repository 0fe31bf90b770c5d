#include "tests/sim/server.h"

#include <fmt/format.h>

#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "net/request_client.h"
#include "net/request_table.h"
#include "ps/lane_building.h"
#include "tests/sim/client.h"
#include "tests/sim/turns.h"

namespace caravan::sim {
namespace {

constexpr uint64_t kBuildMillisMax = 300;
constexpr Millis kAskForPlaceEvery{1000};
constexpr uint32_t kBlocksOfNobody = 1000;
constexpr const char* kLost = "lost";  // an owner's version: it holds less than it acknowledged

// A lane and those who wait for its late answers.
struct LaneHost {
  uint32_t number = 0;  // LaneId
  std::string endpoint;
  LaneWatch* watch = nullptr;
  std::unique_ptr<ps::Lane> lane;
  struct Asked {
    std::string from;
    net::Message request;
  };
  std::map<uint64_t, Asked> asked;  // by ticket
  bool works = false;               // Work is due
};

class ServerProcess final : public Server {
 public:
  ServerProcess(const World& world, uint32_t number, RandomStream random,
                std::vector<std::unique_ptr<LaneWatch>>* watches)
      : world_(world),
        name_(fmt::format("server-{}", number)),
        random_(random),
        watches_(watches),
        disk_(world.disk),
        directory_(Directory(number)),
        turns_(world.loop, [this] { Turn(); }) {
    incarnation_ = random_.NextBits() | 1;
    ReadOwner();
    if (world.plant == Plant::kAcknowledgeBeforeLog) disk_.ForgetAppendsTo("/log/push-");
    client_ = std::make_unique<Client>(
        world.loop, world.network, fmt::format("{}/control-{:x}", name_, incarnation_),
        std::vector<std::string>{world.scheduler},
        net::RequestClient::Options{.repeat_after = Millis{1000}, .sender = incarnation_},
        [this] { turns_.Soon(); });
    for (uint32_t lane = 0; lane < world.shape->lanes; ++lane) {
      LaneHost& host = lanes_.emplace_back();
      host.endpoint = fmt::format("ipc:///{}/lane-{}", name_, lane);
    }
    for (LaneHost& host : lanes_) {
      world.network->Listen(host.endpoint,
                            [this, &host](const std::string& from, net::Message message) {
                              Receive(host, from, std::move(message));
                            });
    }
    turns_.Soon();
  }
  ~ServerProcess() override {
    disk_.Die();
    for (const LaneHost& host : lanes_) world_.network->Close(host.endpoint);
  }

  const absl::Status* left() const override { return left_.has_value() ? &*left_ : nullptr; }
  const absl::Status& broken_promise() const override { return broken_promise_; }
  void Stop(Millis until) override { turns_.Stop(until); }
  DiskOfProcess& disk() override { return disk_; }
  std::map<uint32_t, ps::Lane*> lanes() override {
    std::map<uint32_t, ps::Lane*> lanes;
    for (const LaneHost& host : lanes_) lanes[host.number] = host.lane.get();
    return lanes;
  }
  std::string WaitsFor() const override {
    return fmt::format("{}; {}", lanes_.front().lane == nullptr ? "building lanes" : "serving",
                       client_->Waiting());
  }

 private:
  void Leave(absl::Status status) {
    if (left_.has_value()) return;
    world_.trace->Line("{} ends: {}", name_, status.ToString());
    left_ = std::move(status);
  }
  bool IsOver() {
    if (disk_.is_dead()) Leave(absl::AbortedError("killed in a disk operation"));
    return left_.has_value();
  }

  void Turn() {
    for (const LaneHost& host : lanes_) {
      if (host.lane != nullptr && !host.lane->failure().ok()) Leave(host.lane->failure());
    }
    if (IsOver()) return;
    if (absl::Status status = TalkToScheduler(); !status.ok()) Leave(std::move(status));
    const Millis now = world_.loop->Now();
    if (IsOver() || !welcome_.has_value()) return;
    for (LaneHost& host : lanes_) {
      if (host.lane == nullptr && now >= built_at_) {
        if (absl::Status status = Build(host); !status.ok()) Leave(std::move(status));
      }
      if (IsOver()) return;
      if (host.lane != nullptr && host.lane->HasWork()) Work(host);
      if (IsOver()) return;
    }
    HandleInbox();
  }

  net::Header MakeHello() const {
    net::Header header;
    net::Hello& hello = *header.mutable_hello();
    hello.set_role(net::SERVER);
    hello.set_incarnation(incarnation_);
    for (const LaneHost& host : lanes_) hello.add_lane_endpoints(host.endpoint);
    if (owner_.has_value()) {
      hello.set_held_run_id(owner_->held_run_id());
      hello.set_held_lanes_total(owner_->held_lanes_total());
      hello.set_held_incarnation(owner_->held_incarnation());
      *hello.mutable_held_lanes() = owner_->held_lanes();
    }
    return header;
  }

  net::Header MakeHeartbeat() const {
    net::Header header;
    header.mutable_heartbeat()->set_incarnation(incarnation_);
    header.mutable_heartbeat()->set_ready(IsReady());
    header.mutable_heartbeat()->set_state_lost(IsReady() && state_lost_);
    return header;
  }

  bool IsReady() const {
    for (const LaneHost& host : lanes_) {
      if (host.lane == nullptr) return false;
    }
    return true;
  }

  absl::Status TalkToScheduler() {
    const Millis now = world_.loop->Now();
    if (ticket_ == 0 && !welcome_.has_value() && now >= beats_at_) {
      ticket_ = client_->Start(0, MakeHello(), {});
    }
    if (ticket_ == 0 && welcome_.has_value() && (now >= beats_at_ || (IsReady() && !told_ready_))) {
      told_ready_ = IsReady();
      ticket_ = client_->Start(0, MakeHeartbeat(), {});
      beats_at_ = now + Millis{world_.spec->job().cluster().heartbeat_ms()};
    }
    if (ticket_ != 0 && client_->IsAnswered(ticket_)) {
      CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, client_->Await(std::exchange(ticket_, 0)));
      if (answer.reply.code() == net::NOT_READY && !welcome_.has_value()) {
        beats_at_ = now + kAskForPlaceEvery;
        turns_.At(beats_at_);
        return absl::OkStatus();
      }
      CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
      if (answer.reply.has_welcome()) return Begin(answer.reply.welcome());
      if (told_ready_ && state_lost_) {
        state_lost_ = false;
        CARAVAN_RETURN_IF_ERROR(OwnState(false));
      }
      const net::HeartbeatReply& reply = answer.reply.heartbeat();
      if (reply.order() == net::HeartbeatReply::STOP) Leave(absl::OkStatus());
      if (reply.order() == net::HeartbeatReply::UNKNOWN) {
        return absl::AbortedError("the scheduler does not know this server any more");
      }
      if (reply.has_routing()) SetRouting(reply.routing().epoch());
    }
    if (ticket_ == 0) turns_.At(beats_at_);
    return absl::OkStatus();
  }

  void SetRouting(uint32_t epoch) {
    routing_epoch_ = epoch;
    client_->SetRun(world_.spec->run_id(), epoch);
    for (LaneHost& host : lanes_) {
      if (host.lane != nullptr) host.lane->SetRoutingEpoch(epoch);
    }
  }

  absl::Status Begin(const net::Welcome& welcome) {
    welcome_ = welcome;
    state_lost_ = !welcome.keep_state() || owner_->version() == kLost;
    if (!welcome.keep_state()) {
      CARAVAN_RETURN_IF_ERROR(disk_.Remove(OwnerPath()));
      CARAVAN_RETURN_IF_ERROR(disk_.SyncDirectory(directory_));
    }
    SetRouting(welcome.routing().epoch());
    built_at_ = world_.loop->Now() + Millis{random_.NextBelow(kBuildMillisMax)};
    for (int i = 0; i < welcome.lanes_size(); ++i) {
      lanes_[static_cast<size_t>(i)].number = welcome.lanes(i);
      lanes_[static_cast<size_t>(i)].watch = (*watches_)[welcome.lanes(i)].get();
    }
    turns_.At(built_at_);
    return absl::OkStatus();
  }

  absl::Status Build(LaneHost& host) {
    const ps::Lane::Options options{
        .lane = LaneId{host.number},
        .lanes_total = welcome_->lanes_total(),
        .run_id = world_.spec->run_id(),
        .data_directory = fmt::format("{}/lane-{:03}", directory_, host.number),
        .file_system = &disk_,
        .record_stores = &disk_};
    CARAVAN_RETURN_IF_ERROR(disk_.CreateDirectories(options.data_directory));
    CARAVAN_ASSIGN_OR_RETURN(
        ps::BuiltLane built,
        ps::BuildLane(
            *world_.spec, options, welcome_->keep_state(), welcome_->restore_directory(),
            [this] { return ReadManifest(); }, [this] { return GiveUpState(); }));
    if (disk_.is_dead()) return absl::OkStatus();
    state_lost_ = state_lost_ || built.state_lost;
    host.lane = std::move(built.lane);
    if (world_.plant == Plant::kMarksNotRestored && !built.state_lost) {
      CARAVAN_ASSIGN_OR_RETURN(host.lane, WithoutMarks(options));
    }
    host.lane->SetRoutingEpoch(routing_epoch_);
    host.watch->SetInForce(*host.lane);
    // The planted bug is to be found by what it does.
    if (!is_without_marks_) {
      broken_promise_.Update(
          host.watch->Rebuilt(*host.lane, welcome_->keep_state(), world_.disk->boots()));
    }
    world_.trace->Line("{} serves lane {} with {} pushes{}", name_, host.number,
                       host.watch->applied().size(), built.state_lost ? ", built anew" : "");
    turns_.Soon();
    return IsReady() ? OwnState(state_lost_) : absl::OkStatus();
  }

  // Planted: the lane has its rows as they were, but its marks say that they are of other blocks.
  absl::StatusOr<std::unique_ptr<ps::Lane>> WithoutMarks(ps::Lane::Options options) {
    options.data_directory += fmt::format("-without-marks-{:x}", incarnation_);
    CARAVAN_RETURN_IF_ERROR(disk_.CreateDirectories(options.data_directory));
    conf::RunSpec spec = *world_.spec;
    CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<ps::Lane> lane, ps::Lane::Create(spec, options));
    for (const LaneWatch::Applied& applied : (*watches_)[Index(options.lane)]->applied()) {
      CARAVAN_ASSIGN_OR_RETURN(net::Header header, net::ParseHeader(*applied.push));
      net::BatchTag& tag = *header.mutable_push()->mutable_tag();
      tag.set_block(tag.block() + kBlocksOfNobody);
      net::Message push = net::ShareMessage(*applied.push);
      push.frames[0] = std::move(net::MakeMessage(header).frames[0]);
      lane->HandleNow(push);
    }
    is_without_marks_ = true;
    return lane;
  }

  // As net::VerifyFiles does it.
  absl::StatusOr<conf::Manifest> ReadManifest() {
    const std::string& from = welcome_->restore_directory();
    CARAVAN_ASSIGN_OR_RETURN(const std::string content, disk_.ReadFile(from + "/MANIFEST"));
    conf::Manifest manifest;
    if (!manifest.ParseFromString(content)) return absl::DataLossError(from + ": no manifest");
    for (const conf::ManifestFile& file : manifest.files()) {
      const std::string path = fmt::format("{}/{}", from, file.path());
      CARAVAN_ASSIGN_OR_RETURN(const FileDigest digest, disk_.DigestFile(path));
      if (digest.bytes == file.bytes() && digest.checksum == file.checksum()) continue;
      return absl::DataLossError(path + " is not what its manifest says");
    }
    return manifest;
  }

  // ps/state_folder's OWNER, as the fields of a hello; its version stands for state_lost.
  std::string OwnerPath() const { return directory_ + "/OWNER"; }
  absl::Status OwnState(bool state_lost) {
    owner_.emplace();
    owner_->set_held_run_id(world_.spec->run_id());
    owner_->set_held_lanes_total(welcome_->lanes_total());
    owner_->set_held_incarnation(incarnation_);
    *owner_->mutable_held_lanes() = welcome_->lanes();
    owner_->set_version(state_lost ? kLost : "");
    return disk_.WriteFileAtomically(OwnerPath(), owner_->SerializeAsString());
  }
  absl::Status GiveUpState() {
    owner_->set_version(kLost);
    return disk_.WriteFileAtomically(OwnerPath(), owner_->SerializeAsString());
  }
  void ReadOwner() {
    const absl::StatusOr<std::string> content = disk_.ReadFile(OwnerPath());
    net::Hello owner;
    if (content.ok() && owner.ParseFromString(*content)) owner_ = std::move(owner);
  }

  void Receive(LaneHost& host, const std::string& from, net::Message message) {
    inbox_.push_back({&host, from, std::move(message)});
    turns_.Soon();
  }

  void HandleInbox() {
    for (Incoming& incoming : std::exchange(inbox_, {})) {
      Handle(*incoming.host, incoming.from, incoming.message);
      if (IsOver()) return;
    }
  }

  void Handle(LaneHost& host, const std::string& from, net::Message& request) {
    if (host.lane == nullptr) {
      const absl::StatusOr<net::Header> header = net::ParseHeader(request);
      if (!header.ok()) return;
      world_.network->Send(host.endpoint, from,
                           net::MakeError(header->request_id(), net::NOT_READY, "being restored"));
      return;
    }
    const uint64_t ticket = next_ticket_++;
    std::optional<net::Message> answer = host.watch->Handle(*host.lane, disk_, request, ticket);
    if (IsOver()) return;
    if (answer.has_value()) {
      host.watch->Answered(*host.lane, *answer, request);
      world_.network->Send(host.endpoint, from, *std::move(answer));
    } else {
      host.asked[ticket] = {from, std::move(request)};
    }
    if (host.lane->HasWork()) turns_.At(world_.loop->Now() + Millis{random_.NextBelow(3)});
  }

  void Work(LaneHost& host) {
    for (ps::Lane::LateAnswer& late : host.lane->Work()) {
      const auto asked = host.asked.find(late.ticket);
      if (asked == host.asked.end() || disk_.is_dead()) continue;
      host.watch->Answered(*host.lane, late.message, asked->second.request);
      world_.network->Send(host.endpoint, asked->second.from, std::move(late.message));
      host.asked.erase(asked);
    }
    if (host.lane->HasWork()) turns_.At(world_.loop->Now() + Millis{1});
  }

  struct Incoming {
    LaneHost* host = nullptr;
    std::string from;
    net::Message message;
  };

  const World world_;
  const std::string name_;
  RandomStream random_;
  std::vector<std::unique_ptr<LaneWatch>>* const watches_;
  DiskOfProcess disk_;
  uint64_t incarnation_ = 0;
  std::unique_ptr<Client> client_;
  std::deque<LaneHost> lanes_;
  std::deque<Incoming> inbox_;
  std::optional<net::Welcome> welcome_;
  uint32_t routing_epoch_ = 0;
  Millis built_at_{0};
  uint64_t ticket_ = 0;
  Millis beats_at_{0};
  bool told_ready_ = false;
  uint64_t next_ticket_ = 1;
  const std::string directory_;
  std::optional<net::Hello> owner_;
  bool is_without_marks_ = false;
  bool state_lost_ = false;
  absl::Status broken_promise_;
  std::optional<absl::Status> left_;
  Turns turns_;
};

}  // namespace

std::unique_ptr<Server> Server::Start(const World& world, uint32_t number, RandomStream random,
                                      std::vector<std::unique_ptr<LaneWatch>>* watches) {
  return std::make_unique<ServerProcess>(world, number, random, watches);
}

std::string Server::Directory(uint32_t number) {
  return fmt::format("/run/state/server-{}", number);
}

}  // namespace caravan::sim
