#include "model/onnx_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/status_macros.h"

namespace caravan::model {
namespace {

// ONNX asks for pages of the largest kind in use, so that a tensor can be mapped.
constexpr uint64_t kExternalAlignment = 65536;

void AddExternalEntry(onnx::TensorProto& tensor, const char* key, std::string value) {
  onnx::StringStringEntryProto& entry = *tensor.add_external_data();
  entry.set_key(key);
  entry.set_value(std::move(value));
}

// Moves the float tensors of so many bytes of `graph` to the file at `path`.
absl::Status WriteExternalData(onnx::GraphProto& graph, const std::string& path,
                               uint64_t bytes_min) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  const std::string location = std::filesystem::path(path).filename().string();
  uint64_t offset = 0;
  for (onnx::TensorProto& tensor : *graph.mutable_initializer()) {
    const uint64_t length = tensor.raw_data().size();
    // Integers are shapes and indices, which are read while a model is loaded.
    if (length < bytes_min || tensor.data_type() != onnx::TensorProto::FLOAT) continue;
    offset = (offset + kExternalAlignment - 1) / kExternalAlignment * kExternalAlignment;
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(tensor.raw_data().data(), static_cast<std::streamsize>(length));
    if (!file) return absl::UnavailableError(fmt::format("cannot write {}", path));
    tensor.clear_raw_data();
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    AddExternalEntry(tensor, "location", location);
    AddExternalEntry(tensor, "offset", fmt::format("{}", offset));
    AddExternalEntry(tensor, "length", fmt::format("{}", length));
    offset += length;
  }
  file.close();
  if (!file) return absl::UnavailableError(fmt::format("cannot write {}", path));
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteOnnxFile(onnx::ModelProto& model, const std::string& path,
                           uint64_t inline_bytes_max, uint64_t external_bytes_min) {
  if (model.ByteSizeLong() > inline_bytes_max) {
    CARAVAN_RETURN_IF_ERROR(
        WriteExternalData(*model.mutable_graph(), path + ".data", external_bytes_min));
  }
  std::string bytes;
  if (!model.SerializeToString(&bytes)) {
    return absl::InternalError(
        fmt::format("cannot serialise {}: {} bytes, of which no more than "
                    "2 GiB fit one Protobuf message",
                    path, model.ByteSizeLong()));
  }
  return WriteFileAtomically(path, bytes);
}

}  // namespace caravan::model
