// An ONNX model on disk: one file, or where it is too large for that, a second one beside it.
#ifndef CARAVAN_MODEL_ONNX_FILE_H_
#define CARAVAN_MODEL_ONNX_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "onnx/onnx.pb.h"

namespace caravan::model {

inline constexpr uint64_t kOnnxInlineBytesMax = 1'800'000'000;
inline constexpr uint64_t kOnnxExternalBytesMin = 4096;

// Protobuf ends at 2 GiB: of a model of more than `inline_bytes_max` bytes, tensors of
// `external_bytes_min` bytes and more go to `path`.data beside it (ONNX's external data) and are
// cleared from `model`.
absl::Status WriteOnnxFile(onnx::ModelProto& model, const std::string& path,
                           uint64_t inline_bytes_max = kOnnxInlineBytesMax,
                           uint64_t external_bytes_min = kOnnxExternalBytesMin);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_ONNX_FILE_H_
