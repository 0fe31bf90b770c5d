#include "net/request_client.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <utility>

#include <unistd.h>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "glog/logging.h"

namespace caravan::net {
namespace {

// How long a wait goes on before Cancel is looked for.
constexpr Millis kPollSlice{50};
constexpr Millis kWorthTelling{5000};

std::string KindOf(const Header& header) {
  const google::protobuf::OneofDescriptor* body = header.GetDescriptor()->oneof_decl(0);
  const google::protobuf::FieldDescriptor* field =
      header.GetReflection()->GetOneofFieldDescriptor(header, body);
  return field == nullptr ? "empty request" : field->name();
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

size_t Bytes(const Message& message) {
  size_t bytes = 0;
  for (const Frame& frame : message.frames) bytes += frame.size();
  return bytes;
}

class DealerRequestClient final : public RequestClient {
 public:
  DealerRequestClient(Context& context, std::vector<std::unique_ptr<DealerSocket>> sockets,
                      const Options& options)
      : context_(context),
        options_(options),
        host_(HostName()),
        give_up_after_(options.give_up_after),
        run_id_(options.run_id),
        sockets_(std::move(sockets)) {
    for (const auto& socket : sockets_) readable_from_.push_back(socket.get());
  }

  size_t peers() const override { return sockets_.size(); }
  uint64_t bytes_sent() const override { return bytes_sent_; }
  uint64_t bytes_received() const override { return bytes_received_; }
  uint64_t answers_dropped() const override { return answers_dropped_; }
  void Cancel() override { cancelled_ = true; }

  void SetRun(uint64_t run_id, uint32_t routing_epoch) override {
    run_id_ = run_id;
    routing_epoch_ = routing_epoch;
  }
  void SetGiveUpAfter(Millis give_up_after) override { give_up_after_ = give_up_after; }

  void Reroute(std::vector<std::string> endpoints, uint32_t routing_epoch) override {
    absl::MutexLock lock(&mutex_);
    if (next_routing_.has_value() && next_routing_->epoch >= routing_epoch) return;
    next_routing_ = NextRouting{std::move(endpoints), routing_epoch};
  }
  uint32_t routing_epoch() const override { return routing_epoch_; }

  uint64_t Start(size_t peer, Header header, std::vector<Frame> frames) override {
    // An error is kept for Await: the request goes where it still can.
    const absl::Status rerouted = TakeNextRouting();
    if (!rerouted.ok()) VLOG(1) << rerouted;
    const uint64_t ticket = next_ticket_++;
    header.set_request_id(ticket);
    header.set_run_id(run_id_);
    header.set_sender(options_.sender);
    header.set_host(host_);
    header.set_pid(static_cast<uint32_t>(getpid()));
    header.set_routing_epoch(routing_epoch_);
    const Millis now = clock_.Now();
    Request request{.peer = peer, .kind = KindOf(header), .message = MakeMessage(header)};
    request.header = std::move(header);
    request.started = now;
    std::move(frames.begin(), frames.end(), std::back_inserter(request.message.frames));
    absl::MutexLock lock(&mutex_);
    Send(request, now);
    unanswered_.emplace(ticket, std::move(request));
    return ticket;
  }

  absl::StatusOr<Answer> Await(uint64_t ticket) override {
    while (true) {
      if (cancelled_) return absl::CancelledError("the wait for an answer was cancelled");
      CARAVAN_RETURN_IF_ERROR(TakeNextRouting());
      if (auto answer = answers_.find(ticket); answer != answers_.end()) {
        Answer result = std::move(answer->second);
        answers_.erase(answer);
        return result;
      }
      CARAVAN_RETURN_IF_ERROR(CheckDeadline(ticket));
      CARAVAN_RETURN_IF_ERROR(ReceiveAll(kPollSlice));
      RepeatOverdue();
    }
  }

  bool IsAnswered(uint64_t ticket) override {
    if (cancelled_ || answers_.contains(ticket)) return true;
    if (!TakeNextRouting().ok() || !ReceiveAll(Millis{0}).ok()) return true;
    RepeatOverdue();
    return answers_.contains(ticket) || !CheckDeadline(ticket).ok();
  }

  void Forget(uint64_t ticket) override {
    answers_.erase(ticket);
    absl::MutexLock lock(&mutex_);
    unanswered_.erase(ticket);
  }

  std::string Waiting() const override {
    absl::MutexLock lock(&mutex_);
    if (unanswered_.empty()) return "";
    const Request& oldest = unanswered_.begin()->second;
    const Millis waited = clock_.Now() - oldest.started;
    if (waited < kWorthTelling) return "";
    return fmt::format("{} from {} for {:.1f} s", oldest.kind, oldest.endpoint,
                       static_cast<double>(waited.count()) / 1000);
  }

 private:
  struct Request {
    size_t peer = 0;
    std::string kind = {};
    Message message = {};
    Header header = {};         // of message, for when it is sent under another routing epoch
    std::string endpoint = {};  // where it was sent last
    Millis started{0};
    Millis sent{0};
  };
  struct NextRouting {
    std::vector<std::string> endpoints;
    uint32_t epoch = 0;
  };

  // A full queue is no error: the request is repeated when its time has come.
  void Send(Request& request, Millis now) {
    Message copy;
    copy.frames.resize(request.message.frames.size());
    // ZeroMQ's copy shares the bytes and counts references.
    for (size_t i = 0; i < copy.frames.size(); ++i) copy.frames[i].copy(request.message.frames[i]);
    request.sent = now;
    request.endpoint = sockets_[request.peer]->endpoint();
    if (sockets_[request.peer]->Send(std::move(copy)).ok()) bytes_sent_ += Bytes(request.message);
  }

  // Peers move, and what they have not answered follows them.
  absl::Status TakeNextRouting() {
    absl::MutexLock lock(&mutex_);
    if (!next_routing_.has_value()) return absl::OkStatus();
    const NextRouting& next = *next_routing_;
    if (next.epoch <= routing_epoch_) {
      next_routing_.reset();
      return absl::OkStatus();
    }
    if (next.endpoints.size() != sockets_.size()) {
      return absl::InternalError(fmt::format("routing epoch {} has {} peers instead of {}",
                                             next.epoch, next.endpoints.size(), sockets_.size()));
    }
    for (size_t peer = 0; peer < sockets_.size(); ++peer) {
      if (sockets_[peer]->endpoint() == next.endpoints[peer]) continue;
      CARAVAN_ASSIGN_OR_RETURN(sockets_[peer],
                               DealerSocket::Connect(context_, next.endpoints[peer]));
      readable_from_[peer] = sockets_[peer].get();
    }
    routing_epoch_ = next.epoch;
    const Millis now = clock_.Now();
    for (auto& [ticket, request] : unanswered_) {
      request.header.set_routing_epoch(next.epoch);
      request.message.frames[0] = std::move(MakeMessage(request.header).frames[0]);
      Send(request, now);
    }
    next_routing_.reset();
    return absl::OkStatus();
  }

  absl::Status CheckDeadline(uint64_t ticket) const {
    absl::MutexLock lock(&mutex_);
    const auto request = unanswered_.find(ticket);
    if (request == unanswered_.end()) {
      return absl::InvalidArgumentError(
          fmt::format("ticket {} is not waited for: never started, taken or forgotten", ticket));
    }
    const Millis waited = clock_.Now() - request->second.started;
    if (waited < give_up_after_) return absl::OkStatus();
    return absl::DeadlineExceededError(fmt::format("no answer to {} from {} for {:.1f} s",
                                                   request->second.kind, request->second.endpoint,
                                                   static_cast<double>(waited.count()) / 1000));
  }

  absl::Status ReceiveAll(Millis timeout) {
    CARAVAN_ASSIGN_OR_RETURN(const std::vector<size_t> readable,
                             PollReadable(readable_from_, timeout));
    for (const size_t peer : readable) {
      while (true) {
        CARAVAN_ASSIGN_OR_RETURN(std::optional<Message> message,
                                 sockets_[peer]->Receive(Millis{0}));
        if (!message.has_value()) break;
        bytes_received_ += Bytes(*message);
        Keep(peer, *std::move(message));
      }
    }
    return absl::OkStatus();
  }

  void Keep(size_t peer, Message message) {
    absl::StatusOr<Reply> reply = ParseReply(message);
    absl::MutexLock lock(&mutex_);
    const auto request = reply.ok() ? unanswered_.find(reply->request_id()) : unanswered_.end();
    if (request == unanswered_.end() || request->second.peer != peer) {
      ++answers_dropped_;
      return;
    }
    // To hand it out would only make the asker ask again: the request waits for a later routing.
    if (reply->code() == WRONG_ROUTE) return;
    answers_.insert_or_assign(request->first,
                              Answer{.reply = *std::move(reply), .message = std::move(message)});
    unanswered_.erase(request);
  }

  // In the order in which they were started, so that a peer sees repeats in order too.
  void RepeatOverdue() {
    const Millis now = clock_.Now();
    absl::MutexLock lock(&mutex_);
    for (auto& [ticket, request] : unanswered_) {
      if (now - request.sent >= options_.repeat_after) Send(request, now);
    }
  }

  Context& context_;
  const Options options_;
  const std::string host_;
  const SystemClock clock_;
  Millis give_up_after_;
  uint64_t run_id_;
  uint32_t routing_epoch_ = 0;
  uint64_t next_ticket_ = 1;
  std::vector<std::unique_ptr<DealerSocket>> sockets_;
  std::vector<DealerSocket*> readable_from_;
  std::map<uint64_t, Answer> answers_;
  // Changed by the owner only; Waiting() reads it from elsewhere.
  mutable absl::Mutex mutex_;
  std::map<uint64_t, Request> unanswered_ ABSL_GUARDED_BY(mutex_);
  std::optional<NextRouting> next_routing_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> cancelled_ = false;
  std::atomic<uint64_t> bytes_sent_ = 0;
  std::atomic<uint64_t> bytes_received_ = 0;
  std::atomic<uint64_t> answers_dropped_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RequestClient>> RequestClient::Connect(
    Context& context, const std::vector<std::string>& endpoints, const Options& options) {
  std::vector<std::unique_ptr<DealerSocket>> sockets;
  for (const std::string& endpoint : endpoints) {
    CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<DealerSocket> socket,
                             DealerSocket::Connect(context, endpoint));
    sockets.push_back(std::move(socket));
  }
  return std::make_unique<DealerRequestClient>(context, std::move(sockets), options);
}

absl::StatusOr<Answer> RequestClient::Call(size_t peer, Header header, std::vector<Frame> frames) {
  return Await(Start(peer, std::move(header), std::move(frames)));
}

absl::Status ReplyStatus(const Reply& reply) {
  const std::string text = fmt::format("{}: {}", Code_Name(reply.code()), reply.message());
  switch (reply.code()) {
    case OK:
      return absl::OkStatus();
    case INVALID:
      return absl::InvalidArgumentError(text);
    case UNKNOWN_KEYS:
      return absl::NotFoundError(text);
    case WRONG_ROUTE:
    case WRONG_RUN:
    case NOT_A_MEMBER:
      return absl::FailedPreconditionError(text);
    case REFUSED:
      return absl::PermissionDeniedError(text);
    case NOT_READY:
      return absl::UnavailableError(text);
    case FAILED:
      return absl::InternalError(text);
  }
  return absl::UnknownError(text);
}

}  // namespace caravan::net
