#include "data/schema_file.h"

#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/status_macros.h"

namespace caravan::data {
namespace {

std::string ClosingLine(std::string_view text) {
  return fmt::format("# xxh3 {:016x}\n", HashBytes(text));
}

}  // namespace

std::string SchemaPath(const std::string& directory) { return directory + "/schema.txtpb"; }

absl::Status WriteSchema(const conf::Schema& schema, const std::string& directory) {
  std::string text;
  if (!google::protobuf::TextFormat::PrintToString(schema, &text)) {
    return absl::InternalError(fmt::format("cannot print the schema of {}", directory));
  }
  text += ClosingLine(text);
  return WriteFileAtomically(SchemaPath(directory), text);
}

absl::StatusOr<conf::Schema> LoadSchema(const std::string& directory) {
  const std::string path = SchemaPath(directory);
  absl::StatusOr<std::string> content = ReadFile(path);
  if (absl::IsNotFound(content.status())) {
    return absl::NotFoundError(
        fmt::format("{} is no imported folder: it has no schema.txtpb (or its import did not end); "
                    "make one with `caravan import --job=… --out={}`",
                    directory, directory));
  }
  CARAVAN_RETURN_IF_ERROR(content.status());
  const size_t length = ClosingLine("").size();
  const std::string_view text =
      std::string_view(*content).substr(0, content->size() < length ? 0 : content->size() - length);
  if (std::string_view(*content).substr(text.size()) != ClosingLine(text)) {
    return absl::DataLossError(
        fmt::format("{}: damaged: its checksum line does not fit its content", path));
  }
  conf::Schema schema;
  if (!google::protobuf::TextFormat::ParseFromString(std::string(text), &schema)) {
    return absl::DataLossError(fmt::format("{}: is no schema", path));
  }
  if (schema.version() != kSchemaVersion) {
    return absl::FailedPreconditionError(
        fmt::format("{}: version {}, this program reads version {}; import the data again", path,
                    schema.version(), kSchemaVersion));
  }
  return schema;
}

}  // namespace caravan::data
