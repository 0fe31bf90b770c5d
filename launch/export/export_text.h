// An export as people and as programs read it, checked as it is looked at.
#ifndef CARAVAN_LAUNCH_EXPORT_EXPORT_TEXT_H_
#define CARAVAN_LAUNCH_EXPORT_EXPORT_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace caravan::launch {

// True for a folder with a manifest.json.
bool IsExport(const std::string& path);

// What the export's manifest says in short, and its files' sizes, once every embedding file was
// read and found whole. DATA_LOSS names the file that is damaged or missing.
absl::StatusOr<nlohmann::ordered_json> InspectExport(const std::string& directory);
// That as text.
std::string ExportText(const std::string& path, const nlohmann::ordered_json& summary);

}  // namespace caravan::launch

#endif  // CARAVAN_LAUNCH_EXPORT_EXPORT_TEXT_H_
