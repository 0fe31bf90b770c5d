// An export: what a server needs to predict without Caravan.
//
//   model.onnx            the dense graph (model/onnx_builder.h); model.onnx.data where it is large
//   embeddings/*.rows     rows by table (docs/formats/embeddings.md), but for those in the graph
//   manifest.json         how raw features become inputs (docs/formats/export_manifest.md)
//
// The manifest is written last: a folder without one holds no export.
#ifndef CARAVAN_LAUNCH_EXPORT_EXPORT_WRITER_H_
#define CARAVAN_LAUNCH_EXPORT_EXPORT_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "conf/run_spec.pb.h"
#include "ps/checkpoint_reader.h"

namespace caravan::launch {

enum class EmbeddingPlace : uint8_t {
  kBeside,  // rows are inputs of the graph
  kInline,  // value ids are, where the table is at most inline_bytes_max
};

struct ExportRequest {
  std::string out;
  std::string version;      // of the program
  uint64_t checkpoint = 0;  // its number; 0: the initial state
  EmbeddingPlace place = EmbeddingPlace::kBeside;
  uint64_t inline_bytes_max = 0;
};

struct ExportSummary {
  uint64_t dense_parameters = 0;
  uint64_t rows = 0;  // in tables, beside the graph or in it
  uint32_t inline_tables = 0;
  uint32_t nodes = 0;
};

// Overwrites an earlier export in `out`. FAILED_PRECONDITION when this program builds another net
// from the run's job than the one that was trained.
absl::StatusOr<ExportSummary> WriteExport(const conf::RunSpec& run, ps::CheckpointReader& state,
                                          const ExportRequest& request);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_EXPORT_EXPORT_WRITER_H_
