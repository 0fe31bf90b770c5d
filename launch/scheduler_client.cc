#include "launch/scheduler_client.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <random>
#include <utility>

#include "base/status_macros.h"

namespace caravan::launch {

absl::StatusOr<std::unique_ptr<SchedulerClient>> SchedulerClient::Connect(
    const std::string& endpoint, uint64_t run_id, Millis patience) {
  std::random_device random;
  net::RequestClient::Options options;
  options.repeat_after = patience / 2;
  options.give_up_after = patience;
  options.run_id = run_id;
  options.sender = (uint64_t{random()} << 32) | random();
  std::unique_ptr<SchedulerClient> client(new SchedulerClient());
  CARAVAN_ASSIGN_OR_RETURN(client->client_,
                           net::RequestClient::Connect(client->context_, {endpoint}, options));
  return client;
}

absl::StatusOr<scheduler::Status> SchedulerClient::AskStatus() {
  net::Header header;
  header.mutable_status_request();
  CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, client_->Call(0, std::move(header)));
  return StatusOf(answer);
}

absl::StatusOr<std::optional<scheduler::Status>> SchedulerClient::PollStatus() {
  if (!asked_.has_value()) {
    net::Header header;
    header.mutable_status_request();
    asked_ = client_->Start(0, std::move(header), {});
  }
  if (!client_->IsAnswered(*asked_)) return std::nullopt;
  const uint64_t ticket = *std::exchange(asked_, std::nullopt);
  const absl::StatusOr<net::Answer> answer = client_->Await(ticket);
  if (!answer.ok()) {
    client_->Forget(ticket);
    return answer.status();
  }
  return StatusOf(*answer);
}

absl::StatusOr<scheduler::Status> SchedulerClient::StatusOf(const net::Answer& answer) {
  CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(answer.reply));
  scheduler::Status status;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // a newer scheduler may say more
  const auto parsed =
      google::protobuf::util::JsonStringToMessage(answer.reply.status().json(), &status, options);
  if (!parsed.ok()) {
    return absl::DataLossError(fmt::format("the scheduler's status is not to be understood: {}",
                                           parsed.message().ToString()));
  }
  return status;
}

absl::Status SchedulerClient::RequestStop(bool checkpoint_first) {
  net::Header header;
  header.mutable_stop_request()->set_checkpoint_first(checkpoint_first);
  CARAVAN_ASSIGN_OR_RETURN(const net::Answer answer, client_->Call(0, std::move(header)));
  return net::ReplyStatus(answer.reply);
}

}  // namespace caravan::launch
