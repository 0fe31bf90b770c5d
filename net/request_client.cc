#include "net/request_client.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status_macros.h"
#include "fmt/format.h"

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

size_t Bytes(const Message& message) {
  size_t bytes = 0;
  for (const Frame& frame : message.frames) bytes += frame.size();
  return bytes;
}

class DealerRequestClient final : public RequestClient {
 public:
  DealerRequestClient(std::vector<std::unique_ptr<DealerSocket>> sockets, const Options& options)
      : options_(options), run_id_(options.run_id), sockets_(std::move(sockets)) {
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

  uint64_t Start(size_t peer, Header header, std::vector<Frame> frames) override {
    const uint64_t ticket = next_ticket_++;
    header.set_request_id(ticket);
    header.set_run_id(run_id_);
    header.set_sender(options_.sender);
    header.set_routing_epoch(routing_epoch_);
    const Millis now = clock_.Now();
    Request request{.peer = peer, .kind = KindOf(header), .message = MakeMessage(header)};
    request.started = now;
    std::move(frames.begin(), frames.end(), std::back_inserter(request.message.frames));
    Send(request, now);
    absl::MutexLock lock(&mutex_);
    unanswered_.emplace(ticket, std::move(request));
    return ticket;
  }

  absl::StatusOr<Answer> Await(uint64_t ticket) override {
    while (true) {
      if (cancelled_) return absl::CancelledError("the wait for an answer was cancelled");
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
    if (!ReceiveAll(Millis{0}).ok()) return true;
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
    return fmt::format("{} from {} for {:.1f} s", oldest.kind, sockets_[oldest.peer]->endpoint(),
                       static_cast<double>(waited.count()) / 1000);
  }

 private:
  struct Request {
    size_t peer = 0;
    std::string kind;
    Message message;
    Millis started{0};
    Millis sent{0};
  };

  // A full queue is no error: the request is repeated when its time has come.
  void Send(Request& request, Millis now) {
    Message copy;
    copy.frames.resize(request.message.frames.size());
    // ZeroMQ's copy shares the bytes and counts references.
    for (size_t i = 0; i < copy.frames.size(); ++i) copy.frames[i].copy(request.message.frames[i]);
    request.sent = now;
    if (sockets_[request.peer]->Send(std::move(copy)).ok()) bytes_sent_ += Bytes(request.message);
  }

  absl::Status CheckDeadline(uint64_t ticket) const {
    absl::MutexLock lock(&mutex_);
    const auto request = unanswered_.find(ticket);
    if (request == unanswered_.end()) {
      return absl::InvalidArgumentError(
          fmt::format("ticket {} is not waited for: never started, taken or forgotten", ticket));
    }
    const Millis waited = clock_.Now() - request->second.started;
    if (waited < options_.give_up_after) return absl::OkStatus();
    return absl::DeadlineExceededError(fmt::format(
        "no answer to {} from {} for {:.1f} s", request->second.kind,
        sockets_[request->second.peer]->endpoint(), static_cast<double>(waited.count()) / 1000));
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

  const Options options_;
  const SystemClock clock_;
  uint64_t run_id_;
  uint32_t routing_epoch_ = 0;
  uint64_t next_ticket_ = 1;
  std::vector<std::unique_ptr<DealerSocket>> sockets_;
  std::vector<DealerSocket*> readable_from_;
  std::map<uint64_t, Answer> answers_;
  // Changed by the owner only; Waiting() reads it from elsewhere.
  mutable absl::Mutex mutex_;
  std::map<uint64_t, Request> unanswered_ ABSL_GUARDED_BY(mutex_);
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
  return std::make_unique<DealerRequestClient>(std::move(sockets), options);
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
