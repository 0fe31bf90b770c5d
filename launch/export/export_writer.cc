#include "launch/export/export_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "base/status_macros.h"
#include "conf/fingerprint.h"
#include "launch/export/embedding_file.h"
#include "launch/export/export_manifest.h"
#include "launch/export/vocabulary.h"
#include "model/net.h"
#include "model/onnx_builder.h"
#include "model/onnx_file.h"

namespace caravan::launch {
namespace {

constexpr size_t kPieceRows = 64 * 1024;  // read and written at a time

constexpr char kEmbeddings[] = "embeddings";
constexpr char kModel[] = "model.onnx";
constexpr char kManifest[] = "manifest.json";

// So that what is left of an earlier export is never taken for part of this one.
absl::Status RemoveEarlierExport(const std::string& out) {
  for (const std::string& name :
       {std::string(kManifest), std::string(kModel), fmt::format("{}.data", kModel)}) {
    std::error_code error;
    std::filesystem::remove(fmt::format("{}/{}", out, name), error);
    if (error) {
      return absl::ErrnoToStatus(error.value(), fmt::format("cannot remove {}/{}", out, name));
    }
  }
  const std::string folder = fmt::format("{}/{}", out, kEmbeddings);
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) return absl::OkStatus();
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".rows") std::filesystem::remove(entry.path(), error);
    if (error) break;
  }
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), fmt::format("cannot clear {}", folder));
}

absl::Status WriteRows(const std::string& path, TableId table, uint32_t width,
                       std::span<const uint64_t> keys, ps::CheckpointReader& state) {
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<EmbeddingFileWriter> file,
                           EmbeddingFileWriter::Create(path, table, width, keys));
  std::vector<float> rows;
  for (size_t first = 0; first < keys.size(); first += kPieceRows) {
    const auto piece = keys.subspan(first, std::min(kPieceRows, keys.size() - first));
    CARAVAN_RETURN_IF_ERROR(state.Rows(table, piece, rows));
    CARAVAN_RETURN_IF_ERROR(file->Append(rows));
  }
  return file->Finish();
}

// Puts each table where the request wants it.
class TableExport {
 public:
  TableExport(const model::Graph& graph, const conf::Schema& schema, const ExportRequest& request)
      : graph_(graph), schema_(schema), request_(request) {}

  absl::Status Write(ps::CheckpointReader& state) {
    tables_.resize(graph_.tables().size());
    first_rows_.resize(graph_.fields().size());
    for (uint32_t t = 0; t < graph_.tables().size(); ++t) {
      CARAVAN_RETURN_IF_ERROR(WriteTable(t, state));
    }
    return absl::OkStatus();
  }

  std::vector<const model::OnnxTable*> InGraph() const {
    std::vector<const model::OnnxTable*> tables;
    for (const auto& table : tables_) tables.push_back(table ? &*table : nullptr);
    return tables;
  }
  const std::vector<uint64_t>& first_rows() const { return first_rows_; }
  const std::vector<ManifestTable>& manifest() const { return manifest_; }

 private:
  absl::Status WriteTable(uint32_t t, ps::CheckpointReader& state) {
    const conf::TableSpec& spec = graph_.tables()[t];
    const TableId id{t};
    CARAVAN_ASSIGN_OR_RETURN(const std::vector<uint64_t> keys, VocabularyKeys(schema_, id));
    ManifestTable entry{.keys = keys.size(), .file = {}};
    const uint64_t bytes = keys.size() * spec.width() * sizeof(float);
    const bool inside =
        request_.place == EmbeddingPlace::kInline && bytes <= request_.inline_bytes_max;
    if (!keys.empty() && inside) {
      CARAVAN_RETURN_IF_ERROR(state.Rows(id, keys, tables_[t].emplace().rows));
      SetFirstRows(t, keys);
    } else if (!keys.empty()) {
      const std::string folder = fmt::format("{}/{}", request_.out, kEmbeddings);
      CARAVAN_RETURN_IF_ERROR(CreateDirectories(folder));
      entry.file = fmt::format("{}/{}.rows", kEmbeddings, spec.name());
      CARAVAN_RETURN_IF_ERROR(
          WriteRows(fmt::format("{}/{}", request_.out, entry.file), id, spec.width(), keys, state));
    }
    manifest_.push_back(std::move(entry));
    return absl::OkStatus();
  }

  void SetFirstRows(uint32_t table, std::span<const uint64_t> keys) {
    for (size_t f = 0; f < graph_.fields().size(); ++f) {
      if (graph_.fields()[f].table != table) continue;
      const uint64_t first_key = schema_.fields(static_cast<int>(f)).first_key();
      first_rows_[f] = static_cast<uint64_t>(std::lower_bound(keys.begin(), keys.end(), first_key) -
                                             keys.begin());
    }
  }

  const model::Graph& graph_;
  const conf::Schema& schema_;
  const ExportRequest& request_;
  std::vector<std::optional<model::OnnxTable>> tables_;
  std::vector<uint64_t> first_rows_;
  std::vector<ManifestTable> manifest_;
};

absl::StatusOr<std::unique_ptr<model::Graph>> BuildTrainedNet(const conf::RunSpec& run) {
  CARAVAN_ASSIGN_OR_RETURN(std::unique_ptr<model::Graph> graph,
                           model::BuildNet(run.job(), run.schema()));
  if (conf::ModelFingerprint(model::MakeModelSpec(*graph)) != conf::ModelFingerprint(run.model())) {
    return absl::FailedPreconditionError(
        fmt::format("this program builds another net {} than the run's, which version {} trained; "
                    "export with that version",
                    graph->net(), run.version()));
  }
  return graph;
}

}  // namespace

absl::StatusOr<ExportSummary> WriteExport(const conf::RunSpec& run, ps::CheckpointReader& state,
                                          const ExportRequest& request) {
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<model::Graph> graph, BuildTrainedNet(run));
  CARAVAN_RETURN_IF_ERROR(CreateDirectories(request.out));
  CARAVAN_RETURN_IF_ERROR(RemoveEarlierExport(request.out));
  TableExport tables(*graph, run.schema(), request);
  CARAVAN_RETURN_IF_ERROR(tables.Write(state));
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<float> dense, state.Dense());
  CARAVAN_ASSIGN_OR_RETURN(model::OnnxExport onnx,
                           model::BuildOnnx(*graph, {.producer_version = request.version,
                                                     .dense_parameters = dense,
                                                     .tables = tables.InGraph(),
                                                     .first_rows = tables.first_rows()}));
  ExportSummary summary;
  summary.dense_parameters = dense.size();
  summary.nodes = static_cast<uint32_t>(onnx.model.graph().node_size());
  for (const ManifestTable& table : tables.manifest()) {
    summary.rows += table.keys;
    if (table.keys > 0 && table.file.empty()) ++summary.inline_tables;
  }
  CARAVAN_RETURN_IF_ERROR(
      model::WriteOnnxFile(onnx.model, fmt::format("{}/{}", request.out, kModel)));
  const std::string manifest = ManifestJson({.run = run,
                                             .version = request.version,
                                             .checkpoint = request.checkpoint,
                                             .model_file = kModel,
                                             .tables = tables.manifest(),
                                             .reads_field = onnx.reads_field,
                                             .reads_dense_features = onnx.reads_dense_features});
  CARAVAN_RETURN_IF_ERROR(
      WriteFileAtomically(fmt::format("{}/{}", request.out, kManifest), manifest));
  return summary;
}

}  // namespace caravan::launch
