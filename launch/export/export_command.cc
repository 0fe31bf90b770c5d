#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "base/status_macros.h"
#include "launch/checkpoint/checkpoint_source.h"
#include "launch/commands.h"
#include "launch/export/export_writer.h"
#include "launch/flags.h"
#include "launch/run_directory.h"
#include "launch/version.h"
#include "net/manifest_file.h"

DEFINE_string(embeddings, "beside",
              "beside: rows lie in files and are the graph's inputs; inline: tables up to "
              "--inline_mebibytes lie in the graph, whose inputs are value ids");
DEFINE_uint32(inline_mebibytes, 256, "largest table that --embeddings=inline puts in the graph");

namespace caravan::launch {
namespace {

absl::StatusOr<EmbeddingPlace> ParsePlace(const std::string& name) {
  if (name == "beside") return EmbeddingPlace::kBeside;
  if (name == "inline") return EmbeddingPlace::kInline;
  return absl::InvalidArgumentError(
      fmt::format("--embeddings={}: neither 'beside' nor 'inline'", name));
}

void PrintSummary(const ExportRequest& request, const ExportSummary& summary) {
  if (FLAGS_json) {
    const nlohmann::ordered_json json = {
        {"out", request.out},     {"checkpoint", request.checkpoint},
        {"nodes", summary.nodes}, {"dense_parameters", summary.dense_parameters},
        {"rows", summary.rows},   {"inline_tables", summary.inline_tables}};
    fmt::print("{}\n", json.dump());
    return;
  }
  fmt::print("checkpoint {} exported to {}: {} nodes, {} dense parameters, {} rows{}\n",
             request.checkpoint, request.out, summary.nodes, summary.dense_parameters, summary.rows,
             summary.inline_tables > 0
                 ? fmt::format(", {} tables in the graph", summary.inline_tables)
                 : "");
}

absl::Status RunExport(const CommandLine&) {
  if (FLAGS_out.empty()) return absl::InvalidArgumentError("--out=DIR is needed");
  CARAVAN_ASSIGN_OR_RETURN(const EmbeddingPlace place, ParsePlace(FLAGS_embeddings));
  CARAVAN_ASSIGN_OR_RETURN(const RunDirectory directory, RunDirectory::At(FLAGS_run));
  CARAVAN_ASSIGN_OR_RETURN(const conf::RunSpec run, LoadRunSpec(directory));
  CARAVAN_ASSIGN_OR_RETURN(const uint64_t number, CheckpointNumber(directory, FLAGS_checkpoint));
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<ps::CheckpointReader> state,
                           OpenCheckpoint(directory, run, number));
  const ExportRequest request = {.out = FLAGS_out,
                                 .version = std::string(kVersion),
                                 .checkpoint = number,
                                 .place = place,
                                 .inline_bytes_max = uint64_t{FLAGS_inline_mebibytes} << 20};
  CARAVAN_ASSIGN_OR_RETURN(const ExportSummary summary, WriteExport(run, *state, request));
  PrintSummary(request, summary);
  return absl::OkStatus();
}

}  // namespace

extern constexpr Command kExportCommand = {
    .name = "export",
    .summary = "writes a checkpoint for serving: ONNX model, embedding rows, manifest",
    .usage = "--run=DIR --out=DIR [--checkpoint=latest|best|N] [--embeddings=beside|inline]",
    .example = "caravan export --run=runs/us_flights --out=runs/us_flights/export",
    .flags = "run out checkpoint embeddings inline_mebibytes json",
    .run = RunExport,
};

}  // namespace caravan::launch
