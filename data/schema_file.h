// schema.txtpb: the schema of an imported folder, as Protobuf text closed by the line
// "# xxh3 <16 hex digits>" over all bytes before it. It is written last, by rename, so a folder
// without it is no imported folder.
#ifndef CARAVAN_DATA_SCHEMA_FILE_H_
#define CARAVAN_DATA_SCHEMA_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/schema.pb.h"

namespace caravan::data {

inline constexpr uint32_t kSchemaVersion = 1;

std::string SchemaPath(const std::string& directory);

absl::Status WriteSchema(const conf::Schema& schema, const std::string& directory);

// NOT_FOUND when the folder has no schema (it is no imported folder, or its import did not end);
// DATA_LOSS when the schema is damaged; FAILED_PRECONDITION when it is of another version.
absl::StatusOr<conf::Schema> LoadSchema(const std::string& directory);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_SCHEMA_FILE_H_
