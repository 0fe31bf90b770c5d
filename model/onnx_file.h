// An ONNX model on disk: one file, or where it is too large for that, a second one beside it.
#ifndef CARAVAN_MODEL_ONNX_FILE_H_
#define CARAVAN_MODEL_ONNX_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "onnx/onnx.pb.h"

namespace caravan::model {

// Protobuf ends at 2 GiB: a larger model's big tensors go to `path`.data beside it (ONNX's external
// data), where `inline_bytes_max` is passed. Clears what it has written of `model`'s tensors.
inline constexpr uint64_t kOnnxInlineBytesMax = 1'800'000'000;
absl::Status WriteOnnxFile(onnx::ModelProto& model, const std::string& path,
                           uint64_t inline_bytes_max = kOnnxInlineBytesMax);

}  // namespace caravan::model

#endif  // CARAVAN_MODEL_ONNX_FILE_H_
