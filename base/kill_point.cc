#include "base/kill_point.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace caravan {
namespace {

struct Name {
  std::string_view text;
  KillPoint point;
};
constexpr std::array<Name, 7> kNames = {{
    {"before_append", KillPoint::kBeforeAppend},
    {"after_append", KillPoint::kAfterAppend},
    {"before_apply", KillPoint::kBeforeApply},
    {"in_flush", KillPoint::kInFlush},
    {"in_checkpoint", KillPoint::kInCheckpoint},
    {"before_manifest_rename", KillPoint::kBeforeManifestRename},
    {"after_manifest_rename", KillPoint::kAfterManifestRename},
}};

}  // namespace

KillPoints::KillPoints(KillPoint point, uint64_t passing, std::function<void()> action)
    : point_(point), left_(passing), action_(std::move(action)) {}

absl::StatusOr<std::unique_ptr<KillPoints>> KillPoints::Parse(std::string_view text) {
  const std::string_view name = text.substr(0, text.find(':'));
  uint64_t passing = 1;
  bool is_number = true;
  if (name.size() < text.size()) {
    const std::string_view digits = text.substr(name.size() + 1);
    const auto parsed = std::from_chars(digits.begin(), digits.end(), passing);
    is_number = parsed.ec == std::errc() && parsed.ptr == digits.end() && passing > 0;
  }
  std::string allowed;
  for (const Name& known : kNames) {
    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", known.text);
    if (known.text != name || !is_number) continue;
    return std::make_unique<KillPoints>(known.point, passing, [] { kill(getpid(), SIGKILL); });
  }
  return absl::InvalidArgumentError(fmt::format(
      "kill point \"{}\": name or name:passing is wanted, the names being {}", text, allowed));
}

void KillPoints::Pass(KillPoint point) {
  if (point == point_ && left_.fetch_sub(1) == 1) action_();
}

}  // namespace caravan
