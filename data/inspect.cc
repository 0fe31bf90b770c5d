#include "data/inspect.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/file.h"
#include "base/status_macros.h"
#include "data/column_file.h"
#include "data/schema_file.h"

namespace caravan::data {

bool IsImportedFolder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(SchemaPath(path), error);
}

bool IsSampleFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  std::string head(kColumnFileMagic.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  return file.good() && head == kColumnFileMagic;
}

absl::StatusOr<conf::Schema> InspectImportedFolder(const std::string& directory) {
  CARAVAN_ASSIGN_OR_RETURN(conf::Schema schema, LoadSchema(directory));
  for (const conf::SplitSchema& split : schema.splits()) {
    for (const conf::SplitFile& file : split.files()) {
      const std::string path = directory + "/" + file.file();
      CARAVAN_ASSIGN_OR_RETURN(const FileDigest digest, DigestFile(path));
      if (digest.bytes != file.bytes() || digest.checksum != file.checksum()) {
        return absl::DataLossError(
            fmt::format("{}: damaged, or of another import: {} bytes with checksum {:016x}, the "
                        "schema has {} with {:016x}",
                        path, digest.bytes, digest.checksum, file.bytes(), file.checksum()));
      }
    }
  }
  return schema;
}

absl::StatusOr<format::Index> InspectSampleFile(const std::string& path) {
  CARAVAN_ASSIGN_OR_RETURN(const std::string content, ReadFile(path));
  CARAVAN_ASSIGN_OR_RETURN(format::Index index, ParseColumnFile(path, content));
  for (const format::Column& column : index.columns()) {
    CARAVAN_RETURN_IF_ERROR(ReadColumnBytes(path, content, column).status());
  }
  return index;
}

}  // namespace caravan::data
