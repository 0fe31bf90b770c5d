// manifest.json of an export: how raw features become the graph's inputs, and whose weights they
// meet. Field by field in docs/formats/export_manifest.md.
#ifndef CARAVAN_LAUNCH_EXPORT_EXPORT_MANIFEST_H_
#define CARAVAN_LAUNCH_EXPORT_EXPORT_MANIFEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "conf/run_spec.pb.h"

namespace caravan::launch {

inline constexpr int kExportManifestVersion = 1;

struct ManifestTable {
  uint64_t keys = 0;
  std::string file;  // relative to the manifest; empty: in the graph, or no keys
};

struct ManifestContent {
  const conf::RunSpec& run;
  std::string version;  // of the program
  uint64_t checkpoint = 0;
  std::string model_file;
  std::vector<ManifestTable> tables;  // by TableId
  std::vector<bool> reads_field;      // by field: whether the graph has an input for it
  bool reads_dense_features = false;
};

// JSON text, indented, closed by a newline.
std::string ManifestJson(const ManifestContent& content);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_EXPORT_EXPORT_MANIFEST_H_
