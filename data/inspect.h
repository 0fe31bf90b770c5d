// What an imported folder or a sample file holds, checked as it is looked at.
#ifndef CARAVAN_DATA_INSPECT_H_
#define CARAVAN_DATA_INSPECT_H_

#include <string>

#include "absl/status/statusor.h"
#include "conf/schema.pb.h"
#include "data/sample_file.pb.h"

namespace caravan::data {

// True for a folder with a schema.
bool IsImportedFolder(const std::string& path);
// True for a file that begins as a sample file does, whole or not.
bool IsSampleFile(const std::string& path);

// The folder's schema, once every file that it lists has been read and its checksum found right.
// NOT_FOUND or DATA_LOSS names the file.
absl::StatusOr<conf::Schema> InspectImportedFolder(const std::string& directory);

// The file's index, once each of its blocks has been read and found whole. DATA_LOSS names the
// column and block that are damaged.
absl::StatusOr<format::Index> InspectSampleFile(const std::string& path);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_INSPECT_H_
