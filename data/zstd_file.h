// A file written as one zstd stream, piece by piece; ByteSource reads it.
#ifndef CARAVAN_DATA_ZSTD_FILE_H_
#define CARAVAN_DATA_ZSTD_FILE_H_

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <zstd.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace caravan::data {

// Owned and called by one thread. The same pieces give the same bytes. A file that was not finished
// goes when its object does.
class ZstdFile {
 public:
  static absl::StatusOr<std::unique_ptr<ZstdFile>> Create(const std::string& path);
  ~ZstdFile();
  ZstdFile(const ZstdFile&) = delete;
  ZstdFile& operator=(const ZstdFile&) = delete;

  absl::Status Append(std::string_view piece) { return Compress(piece, ZSTD_e_continue); }
  // Ends the stream and closes the file; the last call.
  absl::Status Finish();

 private:
  ZstdFile(std::string path, std::FILE* file);
  absl::Status Compress(std::string_view piece, ZSTD_EndDirective directive);

  std::string path_;
  std::FILE* file_;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> stream_;
  std::vector<char> output_;
};

}  // namespace caravan::data

#endif  // CARAVAN_DATA_ZSTD_FILE_H_
