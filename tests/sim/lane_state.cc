#include "tests/sim/lane_state.h"

#include <fmt/format.h>

#include <limits>
#include <numeric>
#include <utility>

#include "base/status_macros.h"
#include "net/placement.h"
#include "net/request_client.h"
#include "worker/lane_split.h"

namespace caravan::sim {
namespace {

constexpr uint64_t kJudge = 0x6a75646765;  // as a sender

absl::StatusOr<net::Reply> Ask(ps::Lane& lane, const net::Message& request, net::Message& answer) {
  answer = lane.HandleNow(request);
  CARAVAN_ASSIGN_OR_RETURN(net::Reply reply, net::ParseReply(answer));
  CARAVAN_RETURN_IF_ERROR(net::ReplyStatus(reply));
  return reply;
}

std::string Bits(const float* values, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, values + i, sizeof(bits));
    text += fmt::format("{:08x} ", bits);
  }
  return text;
}

class Teller {
 public:
  Teller(const conf::RunSpec& spec, const Shape& shape, const std::vector<ps::Lane*>& lanes)
      : spec_(spec),
        shape_(shape),
        lanes_(lanes),
        map_(*worker::LaneMap::Create(
            spec.model(), net::ShardLanes(shape.shards, static_cast<uint32_t>(lanes.size())),
            static_cast<uint32_t>(lanes.size()))) {
    worker::TableKeys keys(static_cast<size_t>(spec.model().tables_size()));
    for (std::vector<uint64_t>& table : keys) {
      table.resize(kKeys);
      std::iota(table.begin(), table.end(), 0);
    }
    worker::SplitByLane(map_, keys, split_);
  }

  absl::StatusOr<State> Tell() {
    for (uint32_t lane = 0; lane < lanes_.size(); ++lane) {
      CARAVAN_RETURN_IF_ERROR(TellLedger(lane));
      CARAVAN_RETURN_IF_ERROR(TellWeights(lane, "weights"));
    }
    TellMarks();
    for (uint32_t lane = 0; lane < lanes_.size(); ++lane) {
      for (const uint32_t batch : {0U, 1U}) CARAVAN_RETURN_IF_ERROR(Probe(lane, batch));
      CARAVAN_RETURN_IF_ERROR(TellWeights(lane, "weights after the probe"));
    }
    return std::move(state_);
  }

 private:
  absl::Status TellLedger(uint32_t lane) {
    for (uint32_t epoch = 0; epoch < shape_.epochs; ++epoch) {
      net::Header header = JudgesHeader(spec_.run_id());
      header.mutable_ledger_query()->set_epoch(epoch);
      net::Message answer;
      CARAVAN_ASSIGN_OR_RETURN(const net::Reply reply,
                               Ask(*lanes_[lane], net::MakeMessage(header), answer));
      for (int i = 0; i < reply.ledger().shards_size(); ++i) {
        state_[fmt::format("ledger of shard {} epoch {}", reply.ledger().shards(i), epoch)] =
            fmt::format("{}", reply.ledger().samples(i));
      }
    }
    return absl::OkStatus();
  }

  void TellMarks() {
    for (uint32_t epoch = 0; epoch < shape_.epochs; ++epoch) {
      for (uint32_t block = 0; block < shape_.blocks; ++block) {
        uint32_t lowest = std::numeric_limits<uint32_t>::max();
        for (ps::Lane* lane : lanes_) {
          lowest = std::min(lowest, MarkOf(*lane, spec_.run_id(), epoch, block));
        }
        state_[fmt::format("mark of epoch {} block {}", epoch, block)] = fmt::format("{}", lowest);
      }
    }
  }

  absl::Status TellWeights(uint32_t lane, const char* what) {
    const worker::LaneKeys& keys = split_[lane];
    net::Header header = JudgesHeader(spec_.run_id());
    net::Pull& pull = *header.mutable_pull();
    *pull.mutable_spans() = keys.spans;
    pull.set_keys_signature(keys.signature);
    for (size_t i = 0; i < map_.LaneChunks(lane).size(); ++i) pull.add_chunk_versions(0);
    net::Message request = net::MakeMessage(header);
    net::AddFrame(request, keys.keys);
    net::Message answer;
    CARAVAN_ASSIGN_OR_RETURN(const net::Reply reply, Ask(*lanes_[lane], request, answer));
    std::vector<float> storage;
    CARAVAN_ASSIGN_OR_RETURN(const auto rows, net::FloatFrame(answer, 1, storage));
    size_t key = 0;
    size_t at = 0;
    for (const net::TableSpan& span : keys.spans) {
      const size_t width = map_.width(span.table());
      for (uint32_t i = 0; i < span.keys(); ++i, ++key, at += width) {
        state_[fmt::format("{} of table {} key {}", what, span.table(), keys.keys[key])] =
            Bits(rows.data() + at, width);
      }
    }
    if (reply.pull().changed_chunks().empty()) return absl::OkStatus();
    CARAVAN_ASSIGN_OR_RETURN(const auto dense, net::FloatFrame(answer, 2, storage));
    at = 0;
    for (int i = 0; i < reply.pull().changed_chunks_size(); ++i) {
      const uint32_t chunk = reply.pull().changed_chunks(i);
      const size_t size = map_.chunks()[chunk].size;
      state_[fmt::format("{} of chunk {}", what, chunk)] = Bits(dense.data() + at, size);
      at += size;
    }
    return absl::OkStatus();
  }

  // A push of every row and chunk, of a block that the run does not have.
  absl::Status Probe(uint32_t lane, uint32_t batch) {
    const worker::LaneKeys& keys = split_[lane];
    net::Header question = JudgesHeader(spec_.run_id());
    question.mutable_block_marks_query();
    net::Message told;
    CARAVAN_ASSIGN_OR_RETURN(const net::Reply marks,
                             Ask(*lanes_[lane], net::MakeMessage(question), told));
    net::Header header = JudgesHeader(spec_.run_id());
    net::Push& push = *header.mutable_push();
    push.mutable_tag()->set_epoch(marks.block_marks().epoch());
    push.mutable_tag()->set_block(shape_.blocks + 7);
    push.mutable_tag()->set_batch(batch);
    push.mutable_tag()->set_samples(1);
    *push.mutable_spans() = keys.spans;
    push.set_keys_signature(keys.signature);
    net::Message request = net::MakeMessage(header);
    net::AddFrame(request, keys.keys);
    net::AddFrame(request, std::vector<float>(keys.floats, 0.25F));
    net::AddFrame(request, std::vector<float>(map_.LaneDenseFloats(lane), 0.25F));
    net::Message answer;
    CARAVAN_ASSIGN_OR_RETURN(const net::Reply reply, Ask(*lanes_[lane], request, answer));
    if (reply.push().outcome() == net::PushReply::APPLIED) return absl::OkStatus();
    return absl::InternalError(fmt::format("lane {} does not apply the probe", lane));
  }

  const conf::RunSpec& spec_;
  const Shape& shape_;
  const std::vector<ps::Lane*>& lanes_;
  const worker::LaneMap map_;
  worker::LaneSplit split_;
  State state_;
};

}  // namespace

net::Header JudgesHeader(uint64_t run_id) {
  net::Header header;
  header.set_request_id(1);
  header.set_run_id(run_id);
  header.set_sender(kJudge);
  header.set_routing_epoch(std::numeric_limits<uint32_t>::max());
  return header;
}

uint32_t MarkOf(ps::Lane& lane, uint64_t run_id, uint32_t epoch, uint32_t block) {
  net::Header header = JudgesHeader(run_id);
  header.mutable_mark_query()->set_epoch(epoch);
  header.mutable_mark_query()->set_block(block);
  net::Message answer;
  const absl::StatusOr<net::Reply> reply = Ask(lane, net::MakeMessage(header), answer);
  return reply.ok() ? reply->mark().mark() : 0;
}

absl::StatusOr<State> TakeState(const conf::RunSpec& spec, const Shape& shape,
                                const std::vector<ps::Lane*>& lanes) {
  return Teller(spec, shape, lanes).Tell();
}

std::string Difference(const State& expected, const State& actual) {
  for (const auto& [what, value] : expected) {
    const auto other = actual.find(what);
    if (other == actual.end()) return fmt::format("{} is missing", what);
    if (other->second == value) continue;
    return fmt::format("{}: {}instead of {}", what, other->second, value);
  }
  if (actual.size() == expected.size()) return "";
  for (const auto& [what, value] : actual) {
    if (!expected.contains(what)) return fmt::format("{} is too much", what);
  }
  return "";
}

}  // namespace caravan::sim
