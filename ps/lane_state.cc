#include "ps/lane_state.h"

#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/status_macros.h"

namespace caravan::ps {
namespace {

constexpr uint32_t kStateFormat = 2;
constexpr std::string_view kMagic = "CARAVANL";

template <typename T>
void Append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Takes values off the front; `is_short` once there were too few bytes.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}
  template <typename T>
  T Take() {
    T value{};
    const std::string_view bytes = Take(sizeof(T));
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string_view Take(size_t bytes) {
    is_short_ = is_short_ || rest_.size() < bytes;
    if (is_short_) return {};
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  bool is_done() const { return !is_short_ && rest_.empty(); }
  bool is_short() const { return is_short_; }

 private:
  std::string_view rest_;
  bool is_short_ = false;
};

}  // namespace

uint64_t LaneState::identity() const {
  return CombineHash(run_id, (uint64_t{lanes_total} << 32) | lane);
}

std::string FormatLaneState(const LaneState& state) {
  std::string bytes(kMagic);
  Append(bytes, kStateFormat);
  Append(bytes, state.run_id);
  Append(bytes, state.lane);
  Append(bytes, state.lanes_total);
  Append(bytes, state.durability);
  Append(bytes, static_cast<uint32_t>(state.boot_id.size()));
  bytes += state.boot_id;
  Append(bytes, state.lsn);
  Append(bytes, static_cast<uint32_t>(state.parts.size()));
  for (const storage::ImagePart& part : state.parts) {
    Append(bytes, part.image);
    Append(bytes, part.number);
    Append(bytes, part.bytes);
  }
  Append(bytes, HashBytes(bytes));
  return bytes;
}

absl::StatusOr<LaneState> ParseLaneState(std::string_view bytes, const std::string& path) {
  const auto damaged = [&](std::string_view what) {
    return absl::DataLossError(fmt::format("{} is damaged: {}", path, what));
  };
  uint64_t checksum = 0;
  if (bytes.size() < kMagic.size() + sizeof(checksum)) return damaged("too short");
  std::memcpy(&checksum, bytes.data() + bytes.size() - sizeof(checksum), sizeof(checksum));
  bytes.remove_suffix(sizeof(checksum));
  if (HashBytes(bytes) != checksum) return damaged("its checksum is another");
  Cursor cursor(bytes);
  if (cursor.Take(kMagic.size()) != kMagic) return damaged("it is no lane's state");
  if (const auto format = cursor.Take<uint32_t>(); format != kStateFormat) {
    return absl::FailedPreconditionError(fmt::format(
        "{} is of lane state format {}, this program reads format {}", path, format, kStateFormat));
  }
  LaneState state;
  state.run_id = cursor.Take<uint64_t>();
  state.lane = cursor.Take<uint32_t>();
  state.lanes_total = cursor.Take<uint32_t>();
  state.durability = cursor.Take<uint32_t>();
  const auto boot_bytes = cursor.Take<uint32_t>();
  state.boot_id = std::string(cursor.Take(boot_bytes));
  state.lsn = cursor.Take<uint64_t>();
  const auto parts = cursor.Take<uint32_t>();
  for (uint32_t i = 0; i < parts && !cursor.is_short(); ++i) {
    storage::ImagePart part;
    part.image = cursor.Take<uint32_t>();
    part.number = cursor.Take<uint32_t>();
    part.bytes = cursor.Take<uint64_t>();
    state.parts.push_back(part);
  }
  if (!cursor.is_done()) return damaged("its parts do not add up");
  return state;
}

absl::StatusOr<LaneState> ReadLaneState(storage::FileSystem& file_system,
                                        const std::string& directory) {
  const std::string path = fmt::format("{}/{}", directory, kStateName);
  if (!file_system.Exists(path)) {
    return absl::NotFoundError(fmt::format("{} holds no lane's state", directory));
  }
  CARAVAN_ASSIGN_OR_RETURN(const std::string bytes, file_system.ReadFile(path));
  return ParseLaneState(bytes, path);
}

absl::StatusOr<std::unique_ptr<storage::RecordStore>> OpenCheckpointLane(
    storage::FileSystem& file_system, storage::RecordStores& stores, const std::string& directory,
    uint64_t cache_bytes) {
  CARAVAN_ASSIGN_OR_RETURN(const LaneState state, ReadLaneState(file_system, directory));
  CARAVAN_ASSIGN_OR_RETURN(
      storage::ImageContent images,
      storage::ImageContent::Load(file_system, fmt::format("{}/{}", directory, kImagesName),
                                  state.identity(), state.parts));
  CARAVAN_ASSIGN_OR_RETURN(
      std::unique_ptr<storage::RecordStore> cold,
      stores.OpenReadOnly(fmt::format("{}/{}", directory, kColdName), cache_bytes));
  return storage::MakeImagedRecords(std::move(cold), std::move(images), state.lsn);
}

}  // namespace caravan::ps
