// Writes exports of small random nets, every switch of the model among them, each with samples and
// what the executor predicts for them: the cases of compare.mjs and of the checker's test.
//   write_onnx_cases DIR
#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include <cstdio>
#include <limits>

#include "base/file.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "launch/export/export_writer.h"
#include "model/executor.h"
#include "model/net.h"
#include "model/onnx_builder.h"
#include "model/onnx_file.h"
#include "tests/onnx/random_state.h"
#include "tests/onnx/sample_inputs.h"

namespace caravan::tests {
namespace {

constexpr uint32_t kSamples = 37;
constexpr uint32_t kDays = 6;

struct Case {
  const char* name;
  const char* model;  // on top of kModel
  launch::EmbeddingPlace place = launch::EmbeddingPlace::kBeside;
  bool binary_task = false;
  bool dense = true;
};

constexpr char kModel[] =
    "net: 'm2m' embedding_width: 4 heads: 2 experts: 3 view_width: 8 "
    "meta { layers: 2 scenario_width: 5 tower_layers: 2 } ";

constexpr auto kInline = launch::EmbeddingPlace::kInline;
constexpr auto kBeside = launch::EmbeddingPlace::kBeside;
constexpr Case kCases[] = {
    {"task_scope", "meta { scope: TASK }"},
    {"task_scope_inline", "meta { scope: TASK }", kInline},
    {"shared_scope", "meta { scope: SHARED } sequence_pool: MEAN"},
    {"low_rank_task", "meta { scope: TASK rank: 3 }"},
    {"low_rank_shared", "meta { scope: SHARED rank: 2 }", kInline},
    {"softplus", "link: SOFTPLUS leaky_relu_slope: 0.2"},
    {"no_meta_attention", "meta_attention: false", kInline},
    {"no_meta_tower", "meta_tower: false meta { scope: SHARED }"},
    {"no_transformer", "transformer: false"},
    {"binary_task", "", kBeside, /*binary_task=*/true},
    {"binary_task_softplus", "link: SOFTPLUS", kInline, /*binary_task=*/true},
    {"no_dense_features", "", kInline, /*binary_task=*/false, /*dense=*/false},
    {"exposure_offset", "exposure_offset_days: 2"},
    {"wide_with_dropout", "wide: true dropout: 0.5"},
    {"single_task", "net: 'single_task'"},
    {"single_task_inline", "net: 'single_task'", kInline},
    {"shared_bottom", "net: 'shared_bottom'"},
    {"cross_stitch", "net: 'cross_stitch'"},
    {"mmoe", "net: 'mmoe'", kInline},
    {"mran", "net: 'mran'"},
    {"cgc", "net: 'cgc'", kBeside, /*binary_task=*/true},
    {"one_layer", "meta { layers: 1 tower_layers: 1 } experts: 1"},
};

void AddField(conf::Schema& schema, const char* name, conf::FieldGroup group, uint64_t first_key,
              uint32_t values) {
  conf::Field& field = *schema.add_fields();
  field.set_name(name);
  field.set_group(group);
  field.set_first_key(first_key);
  field.set_values(values);
  for (uint32_t v = 2; v < values; ++v) {
    const bool last = v + 1 == values;
    field.add_bounds(last ? std::numeric_limits<float>::infinity() : static_cast<float>(v));
  }
}

conf::Schema MakeSchema(bool dense) {
  conf::Schema schema;
  schema.set_version(1);
  schema.set_name("random");
  schema.set_history_days(kDays);
  schema.set_horizon_days(7);
  for (const char* id : {"A", "B"}) {
    schema.add_scenarios(id);
    schema.add_scenario_names(id);
  }
  AddField(schema, "scenario.id", conf::SCENARIO, 0, 4);
  AddField(schema, "profile.region", conf::PROFILE, 0, 6);
  AddField(schema, "profile.size", conf::PROFILE, 6, 5);
  AddField(schema, "behaviour.calls", conf::BEHAVIOUR, 0, 7);
  AddField(schema, "performance.cost", conf::PERFORMANCE, 0, 9);
  // A gap in the key space: rows are found by key, not by a count of fields.
  AddField(schema, "performance.clicks", conf::PERFORMANCE, 12, 8);
  for (const char* task : {"clicks", "cost", "active"}) {
    schema.add_tasks()->set_name(task);
    schema.mutable_tasks()->rbegin()->set_training_mean(std::string_view(task) == "active" ? 0.4
                                                                                           : 3.5);
  }
  for (int i = 0; dense && i < 4; ++i) {
    schema.add_dense_names(fmt::format("performance.cost.total_{}", i + 1));
    schema.add_dense_means(1);
    schema.add_dense_deviations(2);
  }
  return schema;
}

absl::StatusOr<conf::RunSpec> MakeRun(const Case& wanted) {
  conf::RunSpec run;
  run.set_run_id(7);
  run.set_version("test");
  *run.mutable_schema() = MakeSchema(wanted.dense);
  conf::Job& job = *run.mutable_job();
  job.set_name(wanted.name);
  for (const char* task : {"clicks", "cost", "active"}) {
    job.mutable_data()->add_tasks()->set_name(task);
  }
  job.mutable_data()->set_history_days(kDays);
  if (wanted.binary_task) {
    job.mutable_data()->mutable_tasks(2)->set_loss(conf::CROSS_ENTROPY);
    run.mutable_schema()->mutable_tasks(2)->set_training_mean(0.3);
  }
  conf::Model changes;
  if (!google::protobuf::TextFormat::ParseFromString(kModel, job.mutable_model()) ||
      !google::protobuf::TextFormat::ParseFromString(wanted.model, &changes)) {
    return absl::InternalError(fmt::format("case {} is no text of conf.Model", wanted.name));
  }
  job.mutable_model()->MergeFrom(changes);
  CARAVAN_ASSIGN_OR_RETURN(const auto graph, model::BuildNet(job, run.schema()));
  *run.mutable_model() = model::MakeModelSpec(*graph);
  return run;
}

data::Batch RandomBatch(const conf::Schema& schema) {
  data::Batch batch;
  batch.size = kSamples;
  RandomStream stream(11);
  for (const conf::Field& field : schema.fields()) {
    const bool sequence = field.group() == conf::BEHAVIOUR || field.group() == conf::PERFORMANCE;
    auto& ids = batch.ids.emplace_back();
    for (uint32_t i = 0; i < kSamples * (sequence ? kDays : 1); ++i) {
      ids.push_back(static_cast<uint32_t>(stream.NextBelow(field.values())));
    }
  }
  for (int i = 0; i < static_cast<int>(kSamples) * schema.dense_names_size(); ++i) {
    batch.dense.push_back(stream.NextNormal());
  }
  return batch;
}

// What Caravan predicts, its rows laid out in key order from key 0 on.
absl::StatusOr<std::vector<float>> Predict(const conf::RunSpec& run, ps::CheckpointReader& state,
                                           const data::Batch& batch) {
  constexpr uint64_t kKeys = 32;  // above every key
  CARAVAN_ASSIGN_OR_RETURN(const auto graph, model::BuildNet(run.job(), run.schema()));
  CARAVAN_ASSIGN_OR_RETURN(const auto executor, model::Executor::Create(*graph, kSamples, 1));
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<float> dense, state.Dense());
  std::vector<uint64_t> keys(kKeys);
  for (uint64_t key = 0; key < kKeys; ++key) keys[key] = key;
  std::vector<std::vector<float>> rows(static_cast<size_t>(run.model().tables_size()));
  std::vector<std::vector<uint32_t>> indices = batch.ids;
  model::ExecutorInput input;
  input.batch = batch.size;
  input.dense_parameters = dense;
  for (uint32_t t = 0; t < rows.size(); ++t) {
    CARAVAN_RETURN_IF_ERROR(state.Rows(TableId{t}, keys, rows[t]));
    input.rows.emplace_back(rows[t]);
  }
  for (size_t f = 0; f < indices.size(); ++f) {
    for (uint32_t& index : indices[f]) {
      index += static_cast<uint32_t>(run.schema().fields(static_cast<int>(f)).first_key());
    }
    input.row_indices.emplace_back(indices[f]);
  }
  input.dense_features = batch.dense;
  const auto predictions = executor->Forward(input).predictions;
  return std::vector<float>(predictions.begin(), predictions.end());
}

absl::Status WriteCase(const Case& wanted, const std::string& directory) {
  CARAVAN_ASSIGN_OR_RETURN(const conf::RunSpec run, MakeRun(wanted));
  RandomState state(run.model(), 5);
  launch::ExportRequest request;
  request.out = directory;
  request.version = "test";
  request.place = wanted.place;
  // Of this size only the table of the performance rows stays outside, in two cases a mix.
  request.inline_bytes_max = wanted.binary_task ? 200 : 1 << 20;
  CARAVAN_RETURN_IF_ERROR(launch::WriteExport(run, state, request).status());
  const data::Batch batch = RandomBatch(run.schema());
  CARAVAN_ASSIGN_OR_RETURN(const std::vector<float> predictions, Predict(run, state, batch));
  SampleInputs inputs(run.schema());
  inputs.Add(batch);
  inputs.AddExpected(predictions);
  return inputs.Write(directory);
}

// The first case again, its tensors outside of the model as in a model too large for Protobuf.
absl::Status WriteExternalCase(const std::string& directory) {
  CARAVAN_RETURN_IF_ERROR(WriteCase(kCases[0], directory));
  CARAVAN_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(directory + "/model.onnx"));
  onnx::ModelProto model;
  if (!model.ParseFromString(bytes)) return absl::InternalError("model.onnx does not parse");
  return model::WriteOnnxFile(model, directory + "/model.onnx", /*inline_bytes_max=*/0,
                              /*external_bytes_min=*/1);
}

absl::Status WriteAll(const std::string& directory) {
  for (const Case& wanted : kCases) {
    CARAVAN_RETURN_IF_ERROR(WriteCase(wanted, fmt::format("{}/{}", directory, wanted.name)));
  }
  return WriteExternalCase(directory + "/external_data");
}

}  // namespace
}  // namespace caravan::tests

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "write_onnx_cases DIR\n");
    return 2;
  }
  const absl::Status status = caravan::tests::WriteAll(argv[1]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
