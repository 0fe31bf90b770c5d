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
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/side_thread.h"
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

// What one image's writer leaves to the next.
class ImageBuffers {
 private:
  friend class ImageWriter;
  struct Buffer {
    std::vector<char> bytes;
    size_t used = 0;
  };
  std::vector<Buffer> free_;
};

// Entries are collected in buffers, which Options::side checks and writes: the lane only copies.
// Owned and called by one lane thread, but for Finish.
class ImageWriter {
 public:
  struct Options {
    FileSystem* file_system = nullptr;
    std::string directory;  // exists
    uint64_t identity = 0;  // of whose image it is
    uint32_t image = 0;
    uint64_t lsn = 0;
    uint64_t part_bytes = 0;
    // Both outlive the writer. `side` null: what is full is written at once; `buffers` null: its
    // memory is not used again.
    SideThread* side = nullptr;
    ImageBuffers* buffers = nullptr;
  };
  explicit ImageWriter(Options options);
  ~ImageWriter();

  // Errors are kept, see status(); after the first nothing more is written. Where the disk falls
  // behind by more than memory should hold, a call waits for it.
  void Put(const RecordBatch& batch);
  // Room for the value of `key`, to be filled before the next call.
  std::span<char> Add(std::string_view key, size_t value_bytes);
  const absl::Status& status() const { return status_; }
  uint64_t bytes() const { return bytes_; }  // added so far
  // Hands what is full over, where what was handed over before is done. Add does it, too.
  void KeepWriting();
  // Whether the disk is so far behind that what can wait should.
  bool is_behind() const { return full_.size() >= kFullSlowed; }
  // No more is added: hands over what is left. True once all is written, or an error is known.
  bool IsWritten();
  // Waits until IsWritten.
  void AwaitWritten();

  // Waits until IsWritten and seals the files; `is_synced`: syncs them, too. Another thread's once
  // all is written.
  absl::Status Finish(bool is_synced);
  // After Finish.
  const std::vector<ImagePart>& parts() const { return parts_; }
  // Takes the files away. After it nothing else is called.
  void Discard();

 private:
  using Buffer = ImageBuffers::Buffer;
  static constexpr size_t kFullSlowed = 32;  // buffers of 256 KiB
  static constexpr size_t kFullMax = 128;

  void Flush();
  void TakeBack(const absl::Status& written);
  absl::Status WriteBuffers();
  absl::Status AppendBuffer(const Buffer& buffer);

  const Options options_;
  absl::Status status_;
  Buffer buffer_;             // being filled
  std::vector<Buffer> full_;  // to be written, in order
  std::vector<Buffer> free_;
  uint64_t bytes_ = 0;
  // The job's while it is under way.
  std::vector<Buffer> writing_;
  std::vector<ImagePart> parts_;
  std::vector<std::unique_ptr<AppendFile>> files_;  // beside parts_
  SideJob job_;
};

// LSN of a row's or chunk's last update, with which its record begins.
uint64_t RecordLsn(std::string_view value);

// A key and its value.
using ImageEntry = std::pair<std::string_view, std::string_view>;

// Calls `visit` for the entries of a set of images, some hundred at a time, an image's before those
// of the images before it. They are good during the call, and of one image, in which a key may come
// again. The parts ascend. An error of `visit` ends the call. DATA_LOSS where a file is damaged; by
// then some entries were visited.
using ImageVisitor =
    absl::FunctionRef<absl::Status(uint32_t image, std::span<const ImageEntry> entries)>;
absl::Status ReadImages(FileSystem& file_system, const std::string& directory, uint64_t identity,
                        std::span<const ImagePart> parts, ImageVisitor visit);

// The records of a set of images, in memory. The parts ascend.
class ImageContent {
 public:
  static absl::StatusOr<ImageContent> Load(FileSystem& file_system, const std::string& directory,
                                           uint64_t identity, std::span<const ImagePart> parts);
  // Ascending by key.
  std::span<const ImageEntry> records() const { return records_; }
  // Null data where there is none.
  std::string_view Find(std::string_view key) const;

 private:
  std::vector<std::unique_ptr<std::string>> files_;  // what the views below look at
  absl::flat_hash_map<std::string_view, std::string_view> values_;
  std::vector<ImageEntry> records_;
};

// A lane's records as of `lsn`: rows of `cold` that are not later, and over them those of `images`.
// Nothing can be written to it.
std::unique_ptr<RecordStore> MakeImagedRecords(std::unique_ptr<RecordStore> cold,
                                               ImageContent images, uint64_t lsn);

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_IMAGE_H_
