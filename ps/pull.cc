// Lane: pulls. Rows by spans, dense chunks that are newer than what the worker holds.
#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "base/status_macros.h"
#include "net/bf16.h"
#include "ps/first_values.h"
#include "ps/lane.h"

namespace caravan::ps {

absl::Status Lane::CheckVersions(const net::Pull& pull) const {
  const size_t chunks = dense_.chunks().size();
  const auto versions = static_cast<size_t>(pull.chunk_versions_size());
  if (versions == 0 || versions == chunks) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} chunk versions came, this lane has {} dense chunks", versions, chunks));
}

absl::StatusOr<net::Frame> Lane::ReadRows(const KeyList& list, storage::RowPart part) {
  net::Frame frame(list.floats * sizeof(float));
  auto* out = static_cast<float*>(frame.data());
  for (const KeyList::Span& span : list.spans) {
    const conf::TableSpec& table = spec_.model().tables(static_cast<int>(Index(span.table)));
    const InitialDistribution distribution = DistributionOf(table.initializer());
    const auto initial = [&](uint64_t key, std::span<float> weights) {
      InitialRow(distribution, seed_, Index(span.table), key, weights);
    };
    const size_t floats = span.count * table.width();
    CARAVAN_RETURN_IF_ERROR(rows_->Read(span.table,
                                        std::span(list.keys).subspan(span.first, span.count),
                                        initial, part, std::span(out, floats)));
    out += floats;
  }
  return frame;
}

net::Frame Lane::ReadChunks(const net::Pull& pull, net::PullReply& reply) const {
  uint64_t floats = 0;
  std::vector<size_t> changed;
  const auto values = [&](size_t i) {
    return pull.averages() ? dense_.averages(i) : dense_.weights(i);
  };
  for (size_t i = 0; i < static_cast<size_t>(pull.chunk_versions_size()); ++i) {
    if (pull.chunk_versions(static_cast<int>(i)) == dense_.version(i)) continue;
    changed.push_back(i);
    floats += dense_.chunks()[i].size;
    reply.add_changed_chunks(Index(dense_.chunks()[i].id));
    reply.add_changed_versions(dense_.version(i));
  }
  if (pull.dense_bf16()) {
    net::Frame frame(floats * sizeof(uint16_t));
    auto* out = static_cast<uint16_t*>(frame.data());
    for (const size_t i : changed) {
      const std::span<const float> chunk = values(i);
      RoundToBf16(chunk, std::span<uint16_t>(out, chunk.size()));
      out += chunk.size();
    }
    return frame;
  }
  net::Frame frame(floats * sizeof(float));
  auto* out = static_cast<std::byte*>(frame.data());
  for (const size_t i : changed) {
    const std::span<const std::byte> chunk = std::as_bytes(values(i));
    std::memcpy(out, chunk.data(), chunk.size());
    out += chunk.size();
  }
  return frame;
}

absl::StatusOr<net::Message> Lane::HandlePull(const net::Header& header,
                                              const net::Message& request) {
  const net::Pull& pull = header.pull();
  CARAVAN_RETURN_IF_ERROR(CheckVersions(pull));
  if (pull.averages() && !spec_.job().training().has_weight_averaging()) {
    return absl::InvalidArgumentError(
        "averages are asked for, but the run keeps none (training.weight_averaging)");
  }
  CARAVAN_ASSIGN_OR_RETURN(const KeyList* list,
                           ResolveKeys(header, pull.spans(), pull.keys_signature(), request));
  CARAVAN_ASSIGN_OR_RETURN(
      net::Frame rows,
      ReadRows(*list, pull.averages() ? storage::RowPart::kAverages : storage::RowPart::kWeights));
  net::Reply reply;
  reply.set_request_id(header.request_id());
  reply.set_code(net::OK);
  net::Frame dense = ReadChunks(pull, *reply.mutable_pull());
  net::Message answer = net::MakeMessage(reply);
  answer.frames.push_back(std::move(rows));
  answer.frames.push_back(std::move(dense));
  ++counters_.pulls;
  counters_.keys_pulled += list->keys.size();
  return answer;
}

}  // namespace caravan::ps
