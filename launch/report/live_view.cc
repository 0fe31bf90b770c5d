#include "launch/report/live_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "launch/report/human_text.h"

namespace caravan::launch {
namespace {

constexpr size_t kWidthMin = 20;
constexpr size_t kBarMax = 40;
constexpr size_t kWaitersMax = 3;

std::string Cut(std::string line, size_t width) {
  if (Columns(line) <= width) return line;
  size_t bytes = 0;
  for (size_t columns = 0; bytes < line.size(); ++bytes) {
    const bool starts_character = (static_cast<unsigned char>(line[bytes]) & 0xc0) != 0x80;
    if (starts_character && columns++ == width - 1) break;
  }
  return line.substr(0, bytes) + "…";
}

double Share(double done, double total) {
  return total <= 0 ? 0 : std::clamp(done / total, 0.0, 1.0);
}

// "epoch ████████░░░░  67 %  text"
std::string BarLine(std::string_view label, double share, const std::string& text, size_t width) {
  const size_t fixed = 8 + 8 + Columns(text);
  const size_t bar = width > fixed + 8 ? std::min(width - fixed, kBarMax) : 8;
  const auto full = static_cast<size_t>(std::floor(share * static_cast<double>(bar)));
  std::string line = fmt::format("{:<7} ", label);
  for (size_t i = 0; i < bar; ++i) line += i < full ? "█" : "░";
  return line + fmt::format(" {:3.0f} %  {}", std::floor(share * 100), text);
}

std::string EpochText(const scheduler::Status& status) {
  const uint32_t shown = std::min(status.epoch() + 1, std::max(status.epochs(), 1u));
  return fmt::format("epoch {} of {}", shown, status.epochs());
}

std::string TimeText(const scheduler::Status& status) {
  std::string text = HumanSeconds(status.elapsed_seconds());
  if (status.finished()) return text;
  if (status.eta_seconds() >= 0) {
    text += fmt::format(", about {} left", HumanSeconds(status.eta_seconds()));
  }
  return text;
}

std::string LastResults(const scheduler::Status& status) {
  std::string text;
  if (status.has_last_evaluation()) {
    const scheduler::EvaluationStatus& evaluation = status.last_evaluation();
    text = fmt::format("{} after epoch {}: NMAE {:.4f}  SMAPE {:.4f}", evaluation.split(),
                       evaluation.epoch() + 1, evaluation.nmae(), evaluation.smape());
  }
  if (status.checkpoint_in_progress() || status.has_last_checkpoint()) {
    if (!text.empty()) text += "   ";
    text += status.checkpoint_in_progress()
                ? "checkpoint in progress"
                : fmt::format("checkpoint {:.0f}", status.last_checkpoint().number());
  }
  return text;
}

}  // namespace

size_t Columns(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
  }));
}

std::vector<std::string> WaitLines(const scheduler::Status& status) {
  std::vector<std::string> lines;
  if (!status.waiting_for().empty()) lines.push_back("waiting for " + status.waiting_for());
  size_t waiting = 0;
  for (const scheduler::MemberStatus& member : status.members()) {
    if (member.waiting_for().empty()) continue;
    if (++waiting > kWaitersMax) continue;
    lines.push_back(
        fmt::format("waiting: {} {}: {}", member.role(), member.id(), member.waiting_for()));
  }
  if (waiting > kWaitersMax) {
    lines.push_back(fmt::format("waiting: {} more", waiting - kWaitersMax));
  }
  return lines;
}

std::vector<std::string> LiveView(const scheduler::Status& status, std::string_view job_name,
                                  size_t width) {
  width = std::max(width, kWidthMin);
  std::vector<std::string> lines;
  lines.push_back(fmt::format("{} · {} · {} · {}", job_name, status.phase(), EpochText(status),
                              TimeText(status)));
  std::string blocks = fmt::format("{} of {} blocks, {} out", status.blocks_done(),
                                   status.blocks_total(), status.blocks_leased());
  if (!status.split().empty() && status.split() != "train") blocks += " (" + status.split() + ")";
  lines.push_back(
      BarLine("epoch", Share(status.blocks_done(), status.blocks_total()), blocks, width));
  lines.push_back(BarLine("run", Share(status.batches_done(), status.batches_total()),
                          fmt::format("{} of {} batches", Thousands(status.batches_done()),
                                      Thousands(status.batches_total())),
                          width));
  lines.push_back(fmt::format("{} samples/s   loss {:.4f}   staleness {:.1f}   rate ×{:.3f}",
                              Thousands(status.samples_per_s()), status.loss(),
                              status.staleness_mean(), status.learning_rate_scale()));
  std::string members =
      fmt::format("workers {} of {}   servers {} of {}", status.workers_alive(),
                  status.workers_expected(), status.servers_alive(), status.servers_expected());
  if (status.workers_lost() > 0) members += fmt::format("   lost {}", status.workers_lost());
  lines.push_back(members);
  lines.push_back(fmt::format("pulled {}   pushed {}   memory {}",
                              HumanBytes(status.bytes_pulled()), HumanBytes(status.bytes_pushed()),
                              HumanBytes(status.resident_bytes())));
  const std::string results = LastResults(status);
  if (!results.empty()) lines.push_back(results);
  for (std::string& line : WaitLines(status)) lines.push_back(std::move(line));
  if (!status.message().empty()) lines.push_back(status.message());
  for (std::string& line : lines) line = Cut(std::move(line), width);
  return lines;
}

std::string ProgressLine(const scheduler::Status& status) {
  std::string line = fmt::format(
      "[{}] {} {}, {}/{} blocks, {} samples/s, loss {:.4f}, workers {}/{}, staleness {:.1f}, "
      "pulled {}, pushed {}, memory {}",
      HumanSeconds(status.elapsed_seconds()), status.phase(), EpochText(status),
      status.blocks_done(), status.blocks_total(), Thousands(status.samples_per_s()), status.loss(),
      status.workers_alive(), status.workers_expected(), status.staleness_mean(),
      HumanBytes(status.bytes_pulled()), HumanBytes(status.bytes_pushed()),
      HumanBytes(status.resident_bytes()));
  if (!status.finished() && status.eta_seconds() >= 0) {
    line += fmt::format(", {} left", HumanSeconds(status.eta_seconds()));
  }
  const std::string results = LastResults(status);
  if (!results.empty()) line += "; " + results;
  return line;
}

}  // namespace caravan::launch
