// Images: what a lane held at one LSN and its cold store does not, as records (key, value) in a few
// files. An image may be a difference to the images before it; a later record of a key replaces an
// earlier one.
#ifndef CARAVAN_STORAGE_IMAGE_H_
#define CARAVAN_STORAGE_IMAGE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/file_system.h"
#include "storage/record_store.h"

namespace caravan::storage {

// One file of an image.
struct ImagePart {
  uint32_t image = 0;   // rises from image to image
  uint32_t number = 0;  // of the part within it
  uint64_t bytes = 0;
};
// "image-000007-002"
std::string ImagePartName(const ImagePart& part);

// Owned and called by one lane thread, but for Finish, which may be another's once the image is
// complete.
class ImageWriter {
 public:
  struct Options {
    FileSystem* file_system = nullptr;
    std::string directory;  // exists
    uint64_t identity = 0;  // of whose image it is
    uint32_t image = 0;
    uint64_t lsn = 0;
    uint64_t part_bytes = 0;
  };
  explicit ImageWriter(Options options);

  // Errors are kept, see status(); after the first nothing more is written.
  void Put(std::string_view key, std::string_view value);
  void Put(const RecordBatch& batch);
  const absl::Status& status() const { return status_; }
  uint64_t bytes() const { return bytes_; }  // so far

  // Writes what is left, seals and syncs the files.
  absl::Status Finish();
  // After Finish.
  const std::vector<ImagePart>& parts() const { return parts_; }
  // Takes the files away. After it nothing else is called.
  void Discard();

 private:
  void Flush();
  absl::Status AppendBuffer();

  const Options options_;
  absl::Status status_;
  std::string buffer_;
  uint64_t bytes_ = 0;
  std::vector<ImagePart> parts_;
  std::vector<std::unique_ptr<AppendFile>> files_;  // beside parts_
};

// LSN of a row's or chunk's last update, with which its record begins.
uint64_t RecordLsn(std::string_view value);

// The records of a set of images, in memory. The parts ascend.
class ImageContent {
 public:
  static absl::StatusOr<ImageContent> Load(FileSystem& file_system, const std::string& directory,
                                           uint64_t identity, std::span<const ImagePart> parts);
  // Ascending by key.
  std::span<const std::pair<std::string_view, std::string_view>> records() const {
    return records_;
  }
  // Null data where there is none.
  std::string_view Find(std::string_view key) const;

 private:
  std::vector<std::unique_ptr<std::string>> files_;  // what the views below look at
  absl::flat_hash_map<std::string_view, std::string_view> values_;
  std::vector<std::pair<std::string_view, std::string_view>> records_;
};

// A lane's records as of `lsn`: rows of `cold` that are not later, and over them those of `images`.
// Nothing can be written to it.
std::unique_ptr<RecordStore> MakeImagedRecords(std::unique_ptr<RecordStore> cold,
                                               ImageContent images, uint64_t lsn);

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_IMAGE_H_
