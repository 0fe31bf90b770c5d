// The least that is a lane to a worker: rows that follow from their keys, marks, and a record of
// what was applied. Forgetful and slow to start where a test asks for it.
#ifndef CARAVAN_TESTS_WORKER_SIMPLE_LANE_H_
#define CARAVAN_TESTS_WORKER_SIMPLE_LANE_H_

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "worker/lane_map.h"

namespace caravan::worker {

// The value that key `key` of `table` has, in every element.
inline float RowValue(uint32_t table, uint64_t key) {
  return static_cast<float>(table * 1000 + key % 997);
}

// Owned by one thread at a time.
class SimpleLane {
 public:
  SimpleLane(const LaneMap* map, uint32_t lane) : map_(map), lane_(lane) {}

  uint32_t not_ready_answers = 0;  // so many requests first
  bool forgets_key_lists = false;  // every second signature is unknown
  uint64_t dense_version = 1;      // of all its chunks
  // What was applied, in order.
  std::vector<net::BatchTag> applied;
  uint64_t keys_received = 0;
  double gradient_sum = 0;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> marks;  // by epoch, block
  std::string error;                                        // the first request that was wrong

  net::Message Handle(const net::Message& request) {
    const auto header = net::ParseHeader(request);
    if (!header.ok()) return net::MakeError(0, net::INVALID, "no header");
    if (not_ready_answers > 0) {
      --not_ready_answers;
      return net::MakeError(header->request_id(), net::NOT_READY, "starting");
    }
    net::Reply reply;
    reply.set_request_id(header->request_id());
    reply.set_code(net::OK);
    if (header->has_mark_query()) {
      reply.mutable_mark()->set_mark(
          marks[{header->mark_query().epoch(), header->mark_query().block()}]);
      return net::MakeMessage(reply);
    }
    return header->has_pull() ? Pull(*header, request, reply) : Push(*header, request, reply);
  }

 private:
  using Spans = google::protobuf::RepeatedPtrField<net::TableSpan>;

  // Null where the signature is not known.
  const std::vector<uint64_t>* Keys(const Spans& spans, uint64_t signature,
                                    const net::Message& request) {
    std::vector<uint64_t> storage;
    const auto sent = net::KeyFrame(request, 1, storage);
    if (sent.ok() && !sent->empty()) {
      keys_received += sent->size();
      if (net::KeysSignature(*sent, spans) != signature) error = "a signature is wrong";
      lists_[signature].assign(sent->begin(), sent->end());
      return &lists_[signature];
    }
    if (spans.empty()) return &no_keys_;
    if (forgets_key_lists && ++lookups_ % 2 == 0) lists_.erase(signature);
    const auto known = lists_.find(signature);
    return known == lists_.end() ? nullptr : &known->second;
  }

  net::Message Pull(const net::Header& header, const net::Message& request, net::Reply& reply) {
    const net::Pull& pull = header.pull();
    const auto* keys = Keys(pull.spans(), pull.keys_signature(), request);
    if (keys == nullptr) {
      return net::MakeError(header.request_id(), net::UNKNOWN_KEYS, "which keys?");
    }
    std::vector<float> rows;
    size_t key = 0;
    for (const net::TableSpan& span : pull.spans()) {
      for (uint32_t i = 0; i < span.keys(); ++i, ++key) {
        if (map_->LaneOfRow(span.table(), (*keys)[key]) != lane_) error = "a key of another lane";
        rows.insert(rows.end(), map_->width(span.table()), RowValue(span.table(), (*keys)[key]));
      }
    }
    std::vector<float> dense;
    const auto chunks = map_->LaneChunks(lane_);
    for (size_t i = 0; i < chunks.size(); ++i) {
      if (pull.chunk_versions(static_cast<int>(i)) == dense_version) continue;
      reply.mutable_pull()->add_changed_chunks(Index(chunks[i].id));
      reply.mutable_pull()->add_changed_versions(dense_version);
      dense.insert(dense.end(), chunks[i].size, static_cast<float>(dense_version));
    }
    net::Message message = net::MakeMessage(reply);
    net::AddFrame(message, std::move(rows));
    net::AddFrame(message, std::move(dense));
    return message;
  }

  net::Message Push(const net::Header& header, const net::Message& request, net::Reply& reply) {
    const net::Push& push = header.push();
    uint32_t& mark = marks[{push.tag().epoch(), push.tag().block()}];
    if (push.tag().batch() != mark) {
      const bool late = push.tag().batch() < mark;
      reply.mutable_push()->set_outcome(late ? net::PushReply::ALREADY_APPLIED
                                             : net::PushReply::OUT_OF_ORDER);
      reply.mutable_push()->set_expected(mark);
      return net::MakeMessage(reply);
    }
    if (Keys(push.spans(), push.keys_signature(), request) == nullptr) {
      return net::MakeError(header.request_id(), net::UNKNOWN_KEYS, "which keys?");
    }
    std::vector<float> storage;
    for (const size_t frame : {2, 3}) {
      const auto gradients = net::FloatFrame(request, frame, storage);
      if (!gradients.ok()) {
        error = "a push without gradients";
        continue;
      }
      for (const float gradient : *gradients) gradient_sum += gradient;
    }
    applied.push_back(push.tag());
    ++mark;
    ++dense_version;
    reply.mutable_push()->set_outcome(net::PushReply::APPLIED);
    reply.mutable_push()->set_dense_version(dense_version);
    return net::MakeMessage(reply);
  }

  const LaneMap* const map_;
  const uint32_t lane_;
  const std::vector<uint64_t> no_keys_;
  std::map<uint64_t, std::vector<uint64_t>> lists_;
  uint32_t lookups_ = 0;
};

}  // namespace caravan::worker

#endif  // CARAVAN_TESTS_WORKER_SIMPLE_LANE_H_
