// Writes the samples of a run's split as compare.mjs reads them.
//   write_onnx_inputs RUN_DIR SPLIT OUT_DIR
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "base/status_macros.h"
#include "data/block_plan.h"
#include "data/calendar.h"
#include "data/sample_reader.h"
#include "launch/predict/prediction_file.h"
#include "launch/run_directory.h"
#include "tests/onnx/sample_inputs.h"

namespace caravan::tests {
namespace {

absl::StatusOr<const conf::SplitSchema*> FindSplit(const conf::Schema& schema,
                                                   const std::string& name) {
  for (const conf::SplitSchema& split : schema.splits()) {
    if (split.name() == name) return &split;
  }
  return absl::NotFoundError(fmt::format("the data set has no split {}", name));
}

absl::Status WriteInputs(const std::string& run_path, const std::string& split_name,
                         const std::string& out) {
  CARAVAN_ASSIGN_OR_RETURN(const auto directory, launch::RunDirectory::At(run_path));
  CARAVAN_ASSIGN_OR_RETURN(const conf::RunSpec run, launch::LoadRunSpec(directory));
  CARAVAN_ASSIGN_OR_RETURN(
      const auto reader, data::SampleReader::Open(run.data_directory(), run.schema(), split_name));
  CARAVAN_ASSIGN_OR_RETURN(const conf::SplitSchema* const split,
                           FindSplit(run.schema(), split_name));
  SampleInputs inputs(run.schema());
  const auto blocks = data::Blocks(run.block_plan(), *split);
  data::Batch batch;
  for (uint32_t block = 0; block < blocks.size(); ++block) {
    uint64_t left = blocks[block].samples;
    for (uint32_t i = 0; left > 0; ++i) {
      CARAVAN_RETURN_IF_ERROR(
          reader->Read(run.block_plan(), {.block = block, .batch = i, .shuffle = false}, batch));
      left -= batch.size;
      inputs.Add(batch);
      for (uint32_t b = 0; b < batch.size; ++b) {
        const auto scenario = static_cast<int>(batch.scenarios[b]);
        inputs.AddName(fmt::format("{},{},{}\n",
                                   launch::CsvField(reader->EntityName(batch.entities[b])),
                                   launch::CsvField(run.schema().scenarios(scenario)),
                                   data::FormatDate(batch.anchor_days[b])));
      }
    }
  }
  return inputs.Write(out);
}

}  // namespace
}  // namespace caravan::tests

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "write_onnx_inputs RUN_DIR SPLIT OUT_DIR\n");
    return 2;
  }
  const absl::Status status = caravan::tests::WriteInputs(argv[1], argv[2], argv[3]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
