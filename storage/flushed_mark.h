// How far a RocksDB database was flushed, in a file of ours beside its own. RocksDB takes a
// MANIFEST whose end is damaged for one that was cut short, and goes on without the tables that its
// last records name; the mark tells that they were there.
#ifndef CARAVAN_STORAGE_FLUSHED_MARK_H_
#define CARAVAN_STORAGE_FLUSHED_MARK_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace rocksdb {
class Env;
class Status;
}  // namespace rocksdb

namespace caravan::storage {

// File FLUSHED of the database's folder, as text: `sequence`, RocksDB's number of a write, and the
// checksum of the digits before it. Replaced as a whole, and synced.
rocksdb::Status WriteFlushedMark(rocksdb::Env& env, const std::string& directory,
                                 uint64_t sequence);

// 0 where there is none: nothing was flushed yet, or the folder is a copy by links, whose files are
// named with their checksums elsewhere. DATA_LOSS names a damaged one.
absl::StatusOr<uint64_t> ReadFlushedMark(rocksdb::Env& env, const std::string& directory);

rocksdb::Status RemoveFlushedMark(rocksdb::Env& env, const std::string& directory);

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_FLUSHED_MARK_H_
