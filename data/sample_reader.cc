#include "data/sample_reader.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/status_macros.h"
#include "data/block_plan.h"
#include "data/locality.h"
#include "data/permutation.h"
#include "data/sample_file.h"
#include "data/window_cutter.h"

namespace caravan::data {
namespace {

class SplitReader final : public SampleReader {
 public:
  SplitReader(std::string directory, const conf::Schema& schema, conf::SplitSchema split,
              WindowCutter cutter)
      : directory_(std::move(directory)),
        schema_(schema),
        split_(std::move(split)),
        cutter_(std::move(cutter)) {}

  // That every file is there, and whole as far as its size tells.
  absl::Status CheckFiles() const;

  absl::Status Read(const conf::BlockPlan& plan, const Request& request, Batch& batch) override;
  std::string_view EntityName(uint32_t entity) const override { return file_.EntityName(entity); }

 private:
  std::string Path(const conf::SplitFile& file) const { return directory_ + "/" + file.file(); }
  // Makes `file` the one that is held; the blocks of a file come in a row mostly.
  absl::Status Hold(uint32_t file);
  // The samples of a batch, by their places in the file's order.
  absl::StatusOr<BlockExtent> FindBatch(const conf::BlockPlan& plan, const Request& request);
  // The samples of a block of the held file, in the order of the epoch.
  const std::vector<uint32_t>& BlockOrder(const Request& request);

  const std::string directory_;
  const conf::Schema schema_;
  const conf::SplitSchema split_;
  WindowCutter cutter_;
  std::optional<uint32_t> held_;  // index into split_.files
  SampleFile file_;
  conf::BlockPlan plan_;             // that blocks_ is of
  std::vector<BlockExtent> blocks_;  // empty before the first read
  // Of the block that was read last: its number, what its order follows from, its samples.
  uint32_t ordered_block_ = UINT32_MAX;
  uint64_t ordered_seed_ = 0;
  std::vector<uint32_t> ordered_;
};

absl::Status SplitReader::CheckFiles() const {
  for (const conf::SplitFile& file : split_.files()) {
    std::error_code error;
    const uint64_t bytes = std::filesystem::file_size(Path(file), error);
    if (error) {
      return absl::ErrnoToStatus(error.value(), fmt::format("cannot open {}", Path(file)));
    }
    if (bytes != file.bytes()) {
      return absl::DataLossError(
          fmt::format("{}: has {} bytes, was imported with {}", Path(file), bytes, file.bytes()));
    }
  }
  return absl::OkStatus();
}

absl::Status SplitReader::Hold(uint32_t file) {
  if (held_ == file) return absl::OkStatus();
  held_.reset();
  file_ = SampleFile();
  const conf::SplitFile& wanted = split_.files(static_cast<int>(file));
  const std::string path = Path(wanted);
  CARAVAN_ASSIGN_OR_RETURN(const std::string content, ReadFile(path));
  CARAVAN_ASSIGN_OR_RETURN(file_, DecodeSampleFile(path, content, schema_));
  if (HashBytes(std::string_view(content)) != wanted.checksum() ||
      file_.sample_day.size() != wanted.samples()) {
    file_ = SampleFile();
    return absl::DataLossError(fmt::format(
        "{}: whole, but of another import than the schema beside it; import the data again", path));
  }
  held_ = file;
  return absl::OkStatus();
}

absl::StatusOr<BlockExtent> SplitReader::FindBatch(const conf::BlockPlan& plan,
                                                   const Request& request) {
  if (plan.batch_size() == 0 || plan.block_batches() == 0) {
    return absl::InvalidArgumentError("the block plan has no batch_size or no block_batches");
  }
  if (blocks_.empty() || plan_.batch_size() != plan.batch_size() ||
      plan_.block_batches() != plan.block_batches() || plan_.locality() != plan.locality()) {
    plan_ = plan;
    ordered_block_ = UINT32_MAX;
    blocks_ = Blocks(plan, split_);
  }
  if (request.block >= blocks_.size()) {
    return absl::OutOfRangeError(fmt::format("split {} has {} blocks, {} was asked for",
                                             split_.name(), blocks_.size(), request.block));
  }
  BlockExtent extent = blocks_[request.block];
  const uint64_t skipped = uint64_t{request.batch} * plan.batch_size();
  if (skipped >= extent.samples) {
    return absl::OutOfRangeError(fmt::format(
        "split {}: block {} has {} batches, {} was asked for", split_.name(), request.block,
        (extent.samples + plan.batch_size() - 1) / plan.batch_size(), request.batch));
  }
  extent.first_sample += skipped;
  extent.samples = std::min<uint64_t>(plan.batch_size(), extent.samples - skipped);
  return extent;
}

const std::vector<uint32_t>& SplitReader::BlockOrder(const Request& request) {
  const BlockExtent& extent = blocks_[request.block];
  const uint64_t seed = CombineHash(CombineHash(request.seed, request.epoch), extent.file);
  if (ordered_block_ == request.block && ordered_seed_ == seed) return ordered_;
  const Permutation order(file_.sample_day.size(), seed);
  ordered_.clear();
  for (uint64_t i = 0; i < extent.samples; ++i) {
    ordered_.push_back(static_cast<uint32_t>(order(extent.first_sample + i)));
  }
  if (plan_.locality()) GroupByAttributes(file_, seed, ordered_);
  ordered_block_ = request.block;
  ordered_seed_ = seed;
  return ordered_;
}

absl::Status SplitReader::Read(const conf::BlockPlan& plan, const Request& request, Batch& batch) {
  CARAVAN_ASSIGN_OR_RETURN(const BlockExtent extent, FindBatch(plan, request));
  CARAVAN_RETURN_IF_ERROR(Hold(extent.file));
  cutter_.Resize(static_cast<uint32_t>(extent.samples), batch);
  const uint64_t in_block = extent.first_sample - blocks_[request.block].first_sample;
  for (uint32_t place = 0; place < batch.size; ++place) {
    const uint64_t sample =
        request.shuffle ? BlockOrder(request)[in_block + place] : extent.first_sample + place;
    cutter_.Cut(file_, static_cast<uint32_t>(sample), place, batch);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SampleReader>> SampleReader::Open(const std::string& directory,
                                                                 const conf::Schema& schema,
                                                                 std::string_view split) {
  std::vector<std::string> names;
  for (const conf::SplitSchema& candidate : schema.splits()) {
    names.push_back(candidate.name());
    if (candidate.name() != split) continue;
    CARAVAN_ASSIGN_OR_RETURN(WindowCutter cutter, WindowCutter::Create(schema));
    auto reader = std::make_unique<SplitReader>(directory, schema, candidate, std::move(cutter));
    CARAVAN_RETURN_IF_ERROR(reader->CheckFiles());
    return reader;
  }
  return absl::NotFoundError(
      fmt::format("{} has no split '{}'; it has {}", directory, split, fmt::join(names, ", ")));
}

}  // namespace caravan::data
