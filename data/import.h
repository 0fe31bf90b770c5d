// The import: raw daily tables to a folder of sample files that SampleReader reads.
//
// The daily file is parsed once, as a stream, and its rows spilled to disk in 256 parts by a frozen
// hash of the entity. The parts are then read twice, one at a time: to learn (buckets, categories,
// means; training days only) and to write the sample files. So memory is bounded by the tables of
// entities and scenarios, one part, and one sample file, whatever the daily file's size.
// docs/formats/sample_file.md describes the result.
#ifndef CARAVAN_DATA_IMPORT_H_
#define CARAVAN_DATA_IMPORT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/job.pb.h"
#include "conf/schema.pb.h"

namespace caravan::data {

// What a sample file holds in a reader's memory at most, about, as far as parts are small enough.
inline constexpr uint64_t kSampleFileBytes = uint64_t{32} << 20;

struct ImportProgress {
  enum class Stage { kRead, kLearn, kWrite };
  Stage stage = Stage::kRead;
  uint64_t rows = 0;    // rows of the daily file read so far
  double fraction = 0;  // of this stage's work, 0 to 1
};

struct ImportReport {
  conf::Schema schema;
  uint64_t rows = 0;             // of the daily file
  uint64_t entities = 0;         // in the entities file or the daily file
  uint64_t without_profile = 0;  // entities of the daily file that the entities file does not have
  uint64_t missing_cells = 0;    // empty cells of the daily columns in use
  int32_t first_day = 0;         // of the daily file, days since 1970-01-01
  int32_t last_day = 0;
  double seconds = 0;
};

// Imports `job.data` to `out_directory`, which is made if need be; an import that lies there
// already is replaced. The folder's schema is written last, so a half import is never taken for
// one. `progress` is called now and then on the caller's thread; may be empty. An error of the
// input is INVALID_ARGUMENT or NOT_FOUND and names file, line and column; a damaged compressed file
// is DATA_LOSS.
absl::StatusOr<ImportReport> Import(const conf::Job& job, const std::string& out_directory,
                                    const std::function<void(const ImportProgress&)>& progress,
                                    uint64_t sample_file_bytes = kSampleFileBytes);

}  // namespace caravan::data

#endif  // CARAVAN_DATA_IMPORT_H_
