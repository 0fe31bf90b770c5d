// What a coordinator has decided and taken in, on disk: `journal` of a run directory. A scheduler
// that was killed reads it and goes on where it was. docs/formats/journal.md has the bytes.
//
// A journal that lacks its last records would be worse than none. Blocks that it does not know to
// be done harm nobody, for their marks say so; but a routing epoch that it does not know would be
// given a second time, and reports of before a loss could not be told from later ones. So where a
// record cannot be written (a full disk) the journal is removed, the run goes on, and a whole
// record begins it anew as soon as there is room. A scheduler that finds none goes on from the last
// checkpoint.
#ifndef CARAVAN_SCHEDULER_JOURNAL_H_
#define CARAVAN_SCHEDULER_JOURNAL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/journal.pb.h"

namespace caravan::scheduler {

// Puts the parts of `changes` in the place of those of `state`, which is whole.
void ApplyChanges(const JournalRecord& changes, JournalRecord& state);

// The state at the journal's end. What is torn at its end is cut; `bytes_cut` says how much.
// NOT_FOUND where there is no journal, DATA_LOSS where it has no whole record at its beginning.
absl::StatusOr<JournalRecord> ReadJournal(const std::string& path, uint64_t& bytes_cut);

// Owned and called by one thread.
class Journal {
 public:
  // The first record that is written must be whole; it takes the place of a journal that is there.
  // sync: a record is on disk when Write returns, not only with the system.
  Journal(std::string path, bool sync) : path_(std::move(path)), sync_(sync) {}
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // A whole record replaces all that is there, by rename; another one is appended. After an error
  // there is no journal, until the next whole record.
  absl::Status Write(const JournalRecord& record);

 private:
  absl::Status WriteWhole(const std::string& bytes);
  absl::Status Append(const std::string& bytes);
  void Close();

  const std::string path_;
  const bool sync_;
  int file_ = -1;
};

}  // namespace caravan::scheduler

#endif  // CARAVAN_SCHEDULER_JOURNAL_H_
