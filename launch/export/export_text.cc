#include "launch/export/export_text.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/status_macros.h"
#include "launch/export/embedding_file.h"
#include "launch/export/export_manifest.h"

namespace caravan::launch {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string ManifestPath(const std::string& directory) { return directory + "/manifest.json"; }

absl::StatusOr<uint64_t> FileBytes(const std::string& directory, const std::string& file) {
  const std::string path = fmt::format("{}/{}", directory, file);
  std::error_code error;
  const uint64_t bytes = fs::file_size(path, error);
  if (!error) return bytes;
  return absl::DataLossError(
      fmt::format("{}: {}, though manifest.json names it", path, error.message()));
}

absl::Status CheckTable(const std::string& directory, const Json& table) {
  const auto path = fmt::format("{}/{}", directory, table.at("file").get<std::string>());
  CARAVAN_ASSIGN_OR_RETURN(const std::unique_ptr<EmbeddingFile> file, EmbeddingFile::Open(path));
  CARAVAN_RETURN_IF_ERROR(file->Verify());
  if (file->keys().size() == table.at("keys").get<uint64_t>() &&
      file->width() == table.at("width").get<uint32_t>()) {
    return absl::OkStatus();
  }
  return absl::DataLossError(fmt::format("{}: {} rows of width {}; manifest.json says {} of {}",
                                         path, file->keys().size(), file->width(),
                                         table.at("keys").dump(), table.at("width").dump()));
}

// May throw what the JSON library throws where a field is missing or of another type.
absl::StatusOr<Json> Summarise(const std::string& directory, const Json& manifest) {
  if (manifest.at("format") != "caravan.export") {
    return absl::InvalidArgumentError(fmt::format("{}: its format is {}, not caravan.export",
                                                  ManifestPath(directory),
                                                  manifest.at("format").dump()));
  }
  if (manifest.at("version") != kExportManifestVersion) {
    return absl::FailedPreconditionError(
        fmt::format("{}: version {}, this program reads version {}", ManifestPath(directory),
                    manifest.at("version").dump(), kExportManifestVersion));
  }
  Json summary = {{"kind", "export"}, {"run", manifest.at("run")}};
  const auto model = manifest.at("model").at("file").get<std::string>();
  CARAVAN_ASSIGN_OR_RETURN(const uint64_t model_bytes, FileBytes(directory, model));
  summary["model"] = manifest.at("model");
  summary["model"]["bytes"] = model_bytes;
  for (const char* field : {"history_days", "horizon_days", "scenarios"}) {
    summary[field] = manifest.at(field);
  }
  summary["tables"] = Json::array();
  for (const Json& table : manifest.at("tables")) {
    if (!table.at("file").is_null()) CARAVAN_RETURN_IF_ERROR(CheckTable(directory, table));
    summary["tables"].push_back(table);
  }
  summary["fields"] = manifest.at("fields").size();
  summary["dense_features"] = manifest.at("dense").at("features").size();
  summary["tasks"] = Json::array();
  for (const Json& task : manifest.at("tasks")) {
    summary["tasks"].push_back({{"name", task.at("name")}, {"output", task.at("output")}});
  }
  return summary;
}

}  // namespace

bool IsExport(const std::string& path) {
  std::error_code error;
  return fs::exists(ManifestPath(path), error);
}

absl::StatusOr<nlohmann::ordered_json> InspectExport(const std::string& directory) {
  CARAVAN_ASSIGN_OR_RETURN(const std::string text, ReadFile(ManifestPath(directory)));
  try {
    return Summarise(directory, Json::parse(text));
  } catch (const Json::exception& error) {
    return absl::DataLossError(fmt::format("{}: is not the manifest of an export: {}",
                                           ManifestPath(directory), error.what()));
  }
}

std::string ExportText(const std::string& path, const nlohmann::ordered_json& summary) {
  const auto plain = [](const Json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  const Json& run = summary.at("run");
  const Json& model = summary.at("model");
  std::string text = fmt::format(
      "{}: export, every embedding file whole; checkpoint {} of run {}, job {}, net {}\n", path,
      plain(run.at("checkpoint")), plain(run.at("run_id")), plain(run.at("job")),
      plain(run.at("net")));
  text += fmt::format("{}: {} bytes, opset {}; {} days of history, horizon {}\n\n",
                      plain(model.at("file")), plain(model.at("bytes")), plain(model.at("opset")),
                      plain(summary.at("history_days")), plain(summary.at("horizon_days")));
  text += fmt::format("{:<40}{:>10}{:>7}  {}\n", "table", "rows", "width", "file");
  for (const Json& table : summary.at("tables")) {
    text += fmt::format("{:<40}{:>10}{:>7}  {}\n", plain(table.at("name")), plain(table.at("keys")),
                        plain(table.at("width")),
                        table.at("file").is_null() ? "in the graph" : plain(table.at("file")));
  }
  text += fmt::format("\n{} fields, {} dense features\n\n{:<40}{}\n", plain(summary.at("fields")),
                      plain(summary.at("dense_features")), "task", "output");
  for (const Json& task : summary.at("tasks")) {
    text += fmt::format("{:<40}{}\n", plain(task.at("name")), plain(task.at("output").at("name")));
  }
  return text;
}

}  // namespace caravan::launch
