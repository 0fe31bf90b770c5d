// ONNX's own checker on exported models. Links libonnx and nothing of Caravan's: both have ONNX's
// messages compiled in. The models come from write_onnx_cases; CARAVAN_ONNX_CASES is their folder.
#include <gtest/gtest.h>
#include <onnx/checker.h>
#include <onnx/defs/schema.h>
#include <onnx/shape_inference/implementation.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace {

std::vector<std::filesystem::path> ModelFiles() {
  std::vector<std::filesystem::path> files;
  const char* const folder = std::getenv("CARAVAN_ONNX_CASES");
  if (folder == nullptr) return files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (exists(entry.path() / "model.onnx")) files.push_back(entry.path() / "model.onnx");
  }
  return files;
}

onnx::ModelProto Load(const std::filesystem::path& path) {
  onnx::ModelProto model;
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(model.ParseFromIstream(&file)) << path;
  return model;
}

TEST(OnnxCheckerTest, ModelsAreValid) {
  const auto files = ModelFiles();
  ASSERT_FALSE(files.empty()) << "set CARAVAN_ONNX_CASES to the folder of write_onnx_cases";
  for (const auto& path : files) {
    EXPECT_NO_THROW(onnx::checker::check_model(path.string())) << path;
    const onnx::ModelProto model = Load(path);
    EXPECT_EQ(model.ir_version(), 8) << path;
    ASSERT_EQ(model.opset_import_size(), 1) << path;
    EXPECT_EQ(model.opset_import(0).version(), 17) << path;
  }
}

// Strict inference: every node's shapes fit, and each output comes out as [batch].
TEST(OnnxCheckerTest, ShapesFollow) {
  for (const auto& path : ModelFiles()) {
    if (path.parent_path().filename() == "external_data") continue;
    onnx::ModelProto model = Load(path);
    for (onnx::ValueInfoProto& output : *model.mutable_graph()->mutable_output()) {
      output.mutable_type()->mutable_tensor_type()->clear_shape();
    }
    const onnx::ShapeInferenceOptions strict(/*check_type_val=*/true, /*strict_mode_val=*/1,
                                             /*data_prop_val=*/true);
    ASSERT_NO_THROW(
        onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(), strict))
        << path;
    for (const onnx::ValueInfoProto& output : model.graph().output()) {
      EXPECT_EQ(output.type().tensor_type().shape().dim_size(), 1) << path << output.name();
    }
  }
}

TEST(OnnxCheckerTest, ABrokenModelIsRefused) {
  const auto files = ModelFiles();
  ASSERT_FALSE(files.empty());
  onnx::ModelProto model = Load(files[0]);
  model.mutable_graph()->mutable_node(0)->set_input(0, "nobody");
  EXPECT_THROW(onnx::checker::check_model(model), onnx::checker::ValidationError);
}

}  // namespace
