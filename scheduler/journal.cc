#include "scheduler/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "base/status_macros.h"
#include "fmt/format.h"

namespace caravan::scheduler {
namespace {

constexpr std::string_view kMagic = "CVNJRNL1";
constexpr uint32_t kRecordBytesMax = 1 << 30;

struct RecordHead {
  uint32_t bytes = 0;
  uint32_t reserved = 0;
  uint64_t checksum = 0;  // XXH3 of the record's bytes
};
static_assert(sizeof(RecordHead) == 16);

std::string Framed(const JournalRecord& record) {
  const std::string body = record.SerializeAsString();
  const RecordHead head{.bytes = static_cast<uint32_t>(body.size()), .checksum = HashBytes(body)};
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof(head));
  return bytes + body;
}

// The record at the beginning of `bytes`, which it is taken from; false where none is whole there.
bool TakeRecord(std::string_view& bytes, JournalRecord& record) {
  RecordHead head;
  if (bytes.size() < sizeof(head)) return false;
  std::memcpy(&head, bytes.data(), sizeof(head));
  if (head.bytes > kRecordBytesMax || bytes.size() - sizeof(head) < head.bytes) return false;
  const std::string_view body = bytes.substr(sizeof(head), head.bytes);
  if (HashBytes(body) != head.checksum) return false;
  if (!record.ParseFromArray(body.data(), static_cast<int>(body.size()))) return false;
  bytes.remove_prefix(sizeof(head) + head.bytes);
  return true;
}

// Replaces the entries of `parts` that have the same key as one of `changed`, and adds the others.
template <typename Part, typename Key>
void Replace(const google::protobuf::RepeatedPtrField<Part>& changed, Key key,
             google::protobuf::RepeatedPtrField<Part>& parts) {
  std::map<uint64_t, int> index;
  for (int i = 0; i < parts.size(); ++i) index[key(parts.Get(i))] = i;
  for (const Part& part : changed) {
    const auto [at, is_new] = index.try_emplace(key(part), parts.size());
    if (is_new) parts.Add();
    *parts.Mutable(at->second) = part;
  }
}

}  // namespace

void ApplyChanges(const JournalRecord& changes, JournalRecord& state) {
  if (changes.whole()) {
    state = changes;
    return;
  }
  if (changes.has_run()) *state.mutable_run() = changes.run();
  Replace(
      changes.blocks(), [](const BlockState& block) { return uint64_t{block.block()}; },
      *state.mutable_blocks());
  auto& members = *state.mutable_members();
  Replace(
      changes.members(), [](const MemberState& member) { return member.incarnation(); }, members);
  members.erase(std::remove_if(members.begin(), members.end(),
                               [&](const MemberState& member) {
                                 const auto& gone = changes.members_gone();
                                 return std::find(gone.begin(), gone.end(), member.incarnation()) !=
                                        gone.end();
                               }),
                members.end());
}

absl::StatusOr<JournalRecord> ReadJournal(const std::string& path, uint64_t& bytes_cut) {
  CARAVAN_ASSIGN_OR_RETURN(const std::string content, ReadFile(path));
  std::string_view bytes = content;
  JournalRecord state;
  if (!bytes.starts_with(kMagic)) {
    return absl::DataLossError(
        fmt::format("{} is no journal: it does not begin with {}", path, kMagic));
  }
  bytes.remove_prefix(kMagic.size());
  if (!TakeRecord(bytes, state) || !state.whole()) {
    return absl::DataLossError(
        fmt::format("{} is damaged: it does not begin with a whole state", path));
  }
  for (JournalRecord changes; TakeRecord(bytes, changes); changes.Clear()) {
    ApplyChanges(changes, state);
  }
  bytes_cut = bytes.size();
  return state;
}

Journal::~Journal() { Close(); }

void Journal::Close() {
  if (file_ >= 0) close(file_);
  file_ = -1;
}

absl::Status Journal::Write(const JournalRecord& record) {
  if (!record.whole() && file_ < 0) {
    return absl::FailedPreconditionError(
        fmt::format("{} is not there: a whole record must begin it", path_));
  }
  absl::Status status = record.whole() ? WriteWhole(Framed(record)) : Append(Framed(record));
  if (status.ok()) return status;
  Close();
  if (unlink(path_.c_str()) == 0 || errno == ENOENT) return status;
  return absl::Status(status.code(), fmt::format("{}; and {} stays, without what it lacks",
                                                 std::string(status.message()), path_));
}

absl::Status Journal::WriteWhole(const std::string& bytes) {
  Close();
  CARAVAN_RETURN_IF_ERROR(WriteFileAtomically(path_, std::string(kMagic) + bytes));
  file_ = open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file_ < 0) return absl::ErrnoToStatus(errno, fmt::format("cannot open {}", path_));
  return absl::OkStatus();
}

absl::Status Journal::Append(const std::string& bytes) {
  std::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t written = write(file_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::ErrnoToStatus(errno, fmt::format("cannot write {}", path_));
    left.remove_prefix(static_cast<size_t>(written));
  }
  if (sync_ && fdatasync(file_) != 0) {
    return absl::ErrnoToStatus(errno, fmt::format("cannot sync {}", path_));
  }
  return absl::OkStatus();
}

}  // namespace caravan::scheduler
