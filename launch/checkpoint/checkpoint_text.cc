#include "launch/checkpoint/checkpoint_text.h"

#include <fmt/format.h>

#include <filesystem>

#include "launch/report/human_text.h"

namespace caravan::launch {
namespace {

using Json = nlohmann::ordered_json;

std::string TableName(const conf::RunSpec* run, uint32_t table) {
  if (run != nullptr && table < static_cast<uint32_t>(run->model().tables_size())) {
    return run->model().tables(static_cast<int>(table)).name();
  }
  return fmt::format("{}", table);
}

uint64_t Elements(const conf::DenseTensor& tensor) {
  uint64_t elements = 1;
  for (const uint64_t dimension : tensor.dimensions()) elements *= dimension;
  return elements;
}

std::string Shape(const conf::DenseTensor& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.dimensions(), ", "));
}

std::string RangeText(const ps::ShardRange& range) {
  if (range.lowest == range.highest) return fmt::format("{} on every shard", range.lowest);
  return fmt::format("{} to {}, by shard", range.lowest, range.highest);
}

Json RangeJson(const ps::ShardRange& range) {
  return {{"lowest", range.lowest}, {"highest", range.highest}};
}

std::string QueueText(const conf::QueueState& queue) {
  if (queue.finished()) return fmt::format("training is done, the last epoch is {}", queue.epoch());
  return fmt::format("epoch {}, {} blocks of it done", queue.epoch(), queue.done_blocks_size());
}

}  // namespace

bool IsCheckpoint(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path + "/MANIFEST", error);
}

std::string CheckpointText(const std::string& path, const ps::CheckpointSummary& summary,
                           const conf::RunSpec* run) {
  const conf::Manifest& manifest = summary.manifest;
  std::string text = fmt::format("{}: checkpoint {}, every file whole; written at {}\n", path,
                                 manifest.checkpoint(), manifest.written_at());
  text += fmt::format("run {:016x}, job {:016x}, model {:016x}, seed {}\n", manifest.run_id(),
                      manifest.job_fingerprint(), manifest.model_fingerprint(), manifest.seed());
  text += fmt::format("{} lanes, {} shards; {} files, {}\n\n", manifest.lanes(), manifest.shards(),
                      manifest.files_size(), HumanBytes(static_cast<double>(summary.bytes)));
  text += fmt::format("queue: {}\n", QueueText(manifest.queue()));
  text +=
      fmt::format("batches applied in epoch {}: {}\n", summary.epoch, RangeText(summary.batches));
  for (const auto& [epoch, samples] : summary.samples) {
    text += fmt::format("samples applied in epoch {}: {}\n", epoch, RangeText(samples));
  }
  text += fmt::format("\n{:<40}{:>10}\n", "table", "rows");
  for (const auto& [table, rows] : summary.table_rows) {
    text += fmt::format("{:<40}{:>10}\n", TableName(run, table), rows);
  }
  text += fmt::format("\n{} dense chunks\nstate digest {:016x}\n", summary.dense_chunks,
                      summary.digest);
  if (run == nullptr) return text;
  text += fmt::format("\n{:<40}{:>10}  {}\n", "tensor", "elements", "shape");
  for (const conf::DenseTensor& tensor : run->model().tensors()) {
    text += fmt::format("{:<40}{:>10}  {}\n", tensor.name(), Elements(tensor), Shape(tensor));
  }
  return text;
}

nlohmann::ordered_json CheckpointJson(const ps::CheckpointSummary& summary,
                                      const conf::RunSpec* run) {
  const conf::Manifest& manifest = summary.manifest;
  Json json = {{"kind", "checkpoint"},
               {"checkpoint", manifest.checkpoint()},
               {"written_at", manifest.written_at()},
               {"run_id", fmt::format("{:016x}", manifest.run_id())},
               {"job_fingerprint", fmt::format("{:016x}", manifest.job_fingerprint())},
               {"model_fingerprint", fmt::format("{:016x}", manifest.model_fingerprint())},
               {"seed", manifest.seed()},
               {"lanes", manifest.lanes()},
               {"shards", manifest.shards()},
               {"files", manifest.files_size()},
               {"bytes", summary.bytes},
               {"queue",
                {{"epoch", manifest.queue().epoch()},
                 {"done_blocks", manifest.queue().done_blocks()},
                 {"finished", manifest.queue().finished()}}},
               {"digest", fmt::format("{:016x}", summary.digest)},
               {"epoch", summary.epoch},
               {"batches", RangeJson(summary.batches)}};
  json["samples"] = Json::array();
  for (const auto& [epoch, samples] : summary.samples) {
    Json entry = RangeJson(samples);
    entry["epoch"] = epoch;
    json["samples"].push_back(std::move(entry));
  }
  json["rows"] = summary.rows;
  json["tables"] = Json::array();
  for (const auto& [table, rows] : summary.table_rows) {
    json["tables"].push_back({{"name", TableName(run, table)}, {"rows", rows}});
  }
  json["dense_chunks"] = summary.dense_chunks;
  json["tensors"] = Json::array();
  if (run == nullptr) return json;
  for (const conf::DenseTensor& tensor : run->model().tensors()) {
    json["tensors"].push_back({{"name", tensor.name()}, {"dimensions", tensor.dimensions()}});
  }
  return json;
}

}  // namespace caravan::launch
