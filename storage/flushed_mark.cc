#include "storage/flushed_mark.h"

#include <fmt/format.h>
#include <rocksdb/env.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "base/hash.h"

namespace caravan::storage {
namespace {

std::string PathOf(const std::string& directory) { return directory + "/FLUSHED"; }

std::string TextOf(uint64_t sequence) {
  const std::string digits = fmt::format("{}", sequence);
  return fmt::format("{} {:016x}\n", digits, HashBytes(digits));
}

}  // namespace

rocksdb::Status WriteFlushedMark(rocksdb::Env& env, const std::string& directory,
                                 uint64_t sequence) {
  const std::string path = PathOf(directory);
  const std::string temporary = path + ".tmp";
  const rocksdb::Status written =
      rocksdb::WriteStringToFile(&env, TextOf(sequence), temporary, /*should_sync=*/true);
  return written.ok() ? env.RenameFile(temporary, path) : written;
}

absl::StatusOr<uint64_t> ReadFlushedMark(rocksdb::Env& env, const std::string& directory) {
  const std::string path = PathOf(directory);
  if (env.FileExists(path).IsNotFound()) return 0;
  std::string text;
  if (const rocksdb::Status read = rocksdb::ReadFileToString(&env, path, &text); !read.ok()) {
    return absl::UnavailableError(fmt::format("cannot read {}: {}", path, read.ToString()));
  }
  uint64_t sequence = 0;
  const absl::string_view digits(text.data(), std::min(text.find(' '), text.size()));
  if (!absl::SimpleAtoi(digits, &sequence) || text != TextOf(sequence)) {
    return absl::DataLossError(
        fmt::format("{} is damaged: a number and its checksum are wanted", path));
  }
  return sequence;
}

rocksdb::Status RemoveFlushedMark(rocksdb::Env& env, const std::string& directory) {
  const std::string path = PathOf(directory);
  return env.FileExists(path).IsNotFound() ? rocksdb::Status::OK() : env.DeleteFile(path);
}

}  // namespace caravan::storage
