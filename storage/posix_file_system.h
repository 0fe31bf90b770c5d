// The machine's own file system.
#ifndef CARAVAN_STORAGE_POSIX_FILE_SYSTEM_H_
#define CARAVAN_STORAGE_POSIX_FILE_SYSTEM_H_

#include <memory>

#include "storage/file_system.h"

namespace caravan::storage {

// Append files are mapped: an append is a copy, and what was copied is the kernel's from then on.
std::unique_ptr<FileSystem> MakePosixFileSystem();

}  // namespace caravan::storage

#endif  // CARAVAN_STORAGE_POSIX_FILE_SYSTEM_H_
