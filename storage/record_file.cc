#include "storage/record_file.h"

#define XXH_INLINE_ALL  // vectors as wide as the build has them
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/status_macros.h"

namespace caravan::storage {
namespace {

constexpr uint16_t kMagic = 0xca7a;

struct Header {
  uint32_t bytes;
  uint16_t kind;
  uint16_t magic;
  uint64_t lsn;
  uint64_t file;
  uint64_t checksum;
};
static_assert(sizeof(Header) == kRecordHeaderBytes);

uint64_t HeaderSeed(const Header& header) {
  return XXH3_64bits(&header, offsetof(Header, checksum));
}

// Large parts are hashed in place, whole, so that a push costs one pass over it.
uint64_t Checksum(const Header& header, std::span<const Bytes> parts) {
  uint64_t seed = HeaderSeed(header);
  XXH3_state_t state;
  XXH3_INITSTATE(&state);  // else what lay there passes for a seed that is set up
  XXH3_64bits_reset_withSeed(&state, seed);
  for (const Bytes part : parts) XXH3_64bits_update(&state, part.data(), part.size());
  return XXH3_64bits_digest(&state);
}

std::optional<FileRecord> RecordAt(std::string_view content, uint64_t offset, uint64_t file_id) {
  if (content.size() < offset + sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, content.data() + offset, sizeof(header));
  if (header.magic != kMagic || header.file != file_id || header.bytes % 8 != 0) {
    return std::nullopt;
  }
  if (content.size() - offset - sizeof(Header) < header.bytes) return std::nullopt;
  const Bytes payload =
      std::as_bytes(std::span(content.data() + offset + sizeof(Header), header.bytes));
  if (Checksum(header, std::span(&payload, 1)) != header.checksum) return std::nullopt;
  return FileRecord{.kind = header.kind, .lsn = header.lsn, .payload = payload};
}

bool IsZero(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char byte) { return byte == 0; });
}

}  // namespace

absl::Status AppendRecord(AppendFile& file, uint64_t file_id, uint16_t kind, uint64_t lsn,
                          std::span<const Bytes> parts) {
  constexpr std::array<std::byte, 8> kPadding{};
  std::vector<Bytes> all(1);
  all.reserve(parts.size() + 2);
  uint64_t bytes = 0;
  for (const Bytes part : parts) {
    bytes += part.size();
    all.push_back(part);
  }
  if (bytes % 8 != 0) all.push_back(std::span(kPadding).first(8 - bytes % 8));
  const uint64_t padded = (bytes + 7) / 8 * 8;
  if (padded > std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError(
        fmt::format("a record of {} bytes; its length has 32 bits", padded));
  }
  Header header{.bytes = static_cast<uint32_t>(padded),
                .kind = kind,
                .magic = kMagic,
                .lsn = lsn,
                .file = file_id,
                .checksum = 0};
  header.checksum = Checksum(header, std::span(all).subspan(1));
  all[0] = std::as_bytes(std::span(&header, 1));
  return file.Append(all);
}

absl::StatusOr<FileScan> ScanRecords(std::string_view content, uint64_t file_id,
                                     absl::FunctionRef<absl::Status(const FileRecord&)> visit) {
  FileScan scan;
  uint64_t offset = 0;
  while (const std::optional<FileRecord> record = RecordAt(content, offset, file_id)) {
    CARAVAN_RETURN_IF_ERROR(visit(*record));
    scan.last_lsn = std::max(scan.last_lsn, record->lsn);
    offset += kRecordHeaderBytes + record->payload.size();
  }
  scan.good_bytes = offset;
  if (offset == content.size()) return scan;
  // Zero is what nobody has begun; the room behind may hold anything.
  scan.end = IsZero(content.substr(offset, 8)) ? FileEnd::kClean : FileEnd::kDamaged;
  for (offset += 8; offset + kRecordHeaderBytes <= content.size(); offset += 8) {
    const std::optional<FileRecord> record = RecordAt(content, offset, file_id);
    if (!record.has_value()) continue;
    scan.end = FileEnd::kDamaged;
    scan.later_lsn = std::max(scan.later_lsn, record->lsn);
    if (record->kind == kSyncedKind) {
      scan.later_synced_lsn = std::max(scan.later_synced_lsn, record->lsn);
    }
  }
  return scan;
}

}  // namespace caravan::storage
