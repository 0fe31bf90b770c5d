#include "net/request_client.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include <unistd.h>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "glog/logging.h"

namespace caravan::net {
namespace {

// How long a wait goes on before Cancel is looked for.
constexpr Millis kPollSlice{50};

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
      : context_(context), host_(HostName()), sockets_(std::move(sockets)), table_(options) {
    for (const auto& socket : sockets_) readable_from_.push_back(socket.get());
  }

  size_t peers() const override { return sockets_.size(); }
  uint64_t bytes_sent() const override { return bytes_sent_; }
  uint64_t bytes_received() const override { return bytes_received_; }
  uint64_t answers_dropped() const override { return answers_dropped_; }
  void Cancel() override { cancelled_ = true; }

  void SetRun(uint64_t run_id, uint32_t routing_epoch) override {
    MutexLock lock(&mutex_);
    table_.SetRun(run_id, routing_epoch);
  }
  void SetGiveUpAfter(Millis give_up_after) override {
    MutexLock lock(&mutex_);
    table_.SetGiveUpAfter(give_up_after);
  }

  void Reroute(std::vector<std::string> endpoints, uint32_t routing_epoch) override {
    MutexLock lock(&mutex_);
    if (next_routing_.has_value() && next_routing_->epoch >= routing_epoch) return;
    next_routing_ = NextRouting{std::move(endpoints), routing_epoch};
  }
  uint32_t routing_epoch() const override {
    MutexLock lock(&mutex_);
    return table_.routing_epoch();
  }

  uint64_t Start(size_t peer, Header header, std::vector<Frame> frames) override {
    MutexLock lock(&mutex_);
    // An error is kept for Await: the request goes where it still can.
    const absl::Status rerouted = TakeNextRouting();
    if (!rerouted.ok()) VLOG(1) << rerouted;
    header.set_host(host_);
    header.set_pid(static_cast<uint32_t>(getpid()));
    const uint64_t ticket = table_.Start(peer, std::move(header), std::move(frames), clock_.Now());
    Send(ticket);
    return ticket;
  }

  absl::StatusOr<Answer> Await(uint64_t ticket) override {
    while (true) {
      if (cancelled_) return absl::CancelledError("the wait for an answer was cancelled");
      {
        MutexLock lock(&mutex_);
        CARAVAN_RETURN_IF_ERROR(TakeNextRouting());
        if (std::optional<Answer> answer = table_.TakeAnswer(ticket)) return *std::move(answer);
        CARAVAN_RETURN_IF_ERROR(CheckDeadline(ticket));
      }
      CARAVAN_RETURN_IF_ERROR(ReceiveAll(kPollSlice));
      RepeatOverdue();
    }
  }

  bool IsAnswered(uint64_t ticket) override {
    {
      MutexLock lock(&mutex_);
      if (cancelled_ || table_.IsAnswered(ticket) || !TakeNextRouting().ok()) return true;
    }
    if (!ReceiveAll(Millis{0}).ok()) return true;
    RepeatOverdue();
    MutexLock lock(&mutex_);
    return table_.IsAnswered(ticket) || !CheckDeadline(ticket).ok();
  }

  void Forget(uint64_t ticket) override {
    MutexLock lock(&mutex_);
    table_.Forget(ticket);
  }

  std::string Waiting() const override {
    MutexLock lock(&mutex_);
    const RequestTable::Request* oldest = table_.oldest();
    if (oldest == nullptr) return "";
    const Millis waited = clock_.Now() - oldest->started;
    if (waited < kWorthTelling) return "";
    return fmt::format("{} from {} for {:.1f} s", oldest->kind, sockets_[oldest->peer]->endpoint(),
                       static_cast<double>(waited.count()) / 1000);
  }

 private:
  struct NextRouting {
    std::vector<std::string> endpoints;
    uint32_t epoch = 0;
  };

  // A full queue is no error: the request is repeated when its time has come.
  void Send(uint64_t ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Message message = table_.MessageOf(ticket);
    const size_t bytes = Bytes(message);
    if (sockets_[table_.PeerOf(ticket)]->Send(std::move(message)).ok()) bytes_sent_ += bytes;
  }

  // Peers move, and what they have not answered follows them.
  absl::Status TakeNextRouting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!next_routing_.has_value()) return absl::OkStatus();
    const NextRouting& next = *next_routing_;
    if (next.epoch <= table_.routing_epoch()) {
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
    for (const uint64_t ticket : table_.Reroute(next.epoch, clock_.Now())) Send(ticket);
    next_routing_.reset();
    return absl::OkStatus();
  }

  absl::Status CheckDeadline(uint64_t ticket) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const RequestTable::Request* request = table_.Find(ticket);
    return table_.CheckDeadline(ticket, clock_.Now(),
                                request == nullptr ? "" : sockets_[request->peer]->endpoint());
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
        MutexLock lock(&mutex_);
        if (!table_.Keep(peer, *std::move(message))) ++answers_dropped_;
      }
    }
    return absl::OkStatus();
  }

  void RepeatOverdue() {
    MutexLock lock(&mutex_);
    for (const uint64_t ticket : table_.TakeOverdue(clock_.Now())) Send(ticket);
  }

  Context& context_;
  const std::string host_;
  const SystemClock clock_;
  // The owner's; changed behind the lock alone, for Waiting() reads endpoints from elsewhere.
  std::vector<std::unique_ptr<DealerSocket>> sockets_;
  std::vector<DealerSocket*> readable_from_;
  mutable Mutex mutex_;
  RequestTable table_ ABSL_GUARDED_BY(mutex_);
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
