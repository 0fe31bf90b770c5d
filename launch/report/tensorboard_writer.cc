#include "launch/report/tensorboard_writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>

#include "base/file.h"
#include "base/status_macros.h"
#include "launch/export/crc32c.h"
#include "launch/report/event.pb.h"

namespace caravan::launch {
namespace {

static_assert(std::endian::native == std::endian::little, "records are little-endian");

uint32_t MaskedCrc(std::string_view bytes) {
  const uint32_t crc = Crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

template <typename T>
void Append(std::string& record, T value) {
  record.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
T Load(std::string_view bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

double SecondsSince1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TensorboardWriter>> TensorboardWriter::Open(
    const std::string& directory) {
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  const double now = SecondsSince1970();
  const std::string path = fmt::format("{}/events.out.tfevents.{:.0f}.{}.{}", directory, now,
                                       static_cast<const char*>(host), getpid());
  std::FILE* file = std::fopen(path.c_str(), "ab");
  if (file == nullptr) return absl::ErrnoToStatus(errno, fmt::format("cannot open {}", path));
  std::unique_ptr<TensorboardWriter> writer(new TensorboardWriter(file, path));
  Event version;
  version.set_wall_time(now);
  version.set_file_version("brain.Event:2");
  CARAVAN_RETURN_IF_ERROR(writer->WriteRecord(version.SerializeAsString()));
  return writer;
}

TensorboardWriter::~TensorboardWriter() { std::fclose(file_); }

absl::Status TensorboardWriter::Write(int64_t step,
                                      std::span<const std::pair<std::string, double>> values) {
  Event event;
  event.set_wall_time(SecondsSince1970());
  event.set_step(step);
  for (const auto& [tag, value] : values) {
    EventValue& entry = *event.mutable_summary()->add_value();
    entry.set_tag(tag);
    entry.set_simple_value(static_cast<float>(value));
  }
  return WriteRecord(event.SerializeAsString());
}

absl::Status TensorboardWriter::WriteRecord(const std::string& event) {
  std::string record;
  Append(record, static_cast<uint64_t>(event.size()));
  Append(record, MaskedCrc(record));
  record += event;
  Append(record, MaskedCrc(event));
  if (std::fwrite(record.data(), 1, record.size(), file_) != record.size() ||
      std::fflush(file_) != 0) {
    return absl::ErrnoToStatus(errno, fmt::format("cannot write {}", path_));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ReadRecords(const std::string& path) {
  CARAVAN_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  std::vector<std::string> events;
  std::string_view rest = bytes;
  constexpr size_t kHead = 12;
  constexpr size_t kTail = 4;
  while (!rest.empty()) {
    const auto damaged = [&](std::string_view what) {
      return absl::DataLossError(fmt::format("{}: record {} at byte {} {}", path, events.size(),
                                             bytes.size() - rest.size(), what));
    };
    if (rest.size() < kHead) return damaged("is cut off");
    const uint64_t length = Load<uint64_t>(rest);
    if (Load<uint32_t>(rest.substr(8)) != MaskedCrc(rest.substr(0, 8))) {
      return damaged("has a damaged length");
    }
    if (rest.size() - kHead < kTail || length > rest.size() - kHead - kTail) {
      return damaged("is cut off");
    }
    const std::string_view event = rest.substr(kHead, length);
    if (Load<uint32_t>(rest.substr(kHead + length)) != MaskedCrc(event)) {
      return damaged("is damaged");
    }
    events.emplace_back(event);
    rest.remove_prefix(kHead + length + kTail);
  }
  return events;
}

}  // namespace caravan::launch
