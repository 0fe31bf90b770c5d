// A file descriptor that is closed with its owner.
#ifndef CARAVAN_BASE_FILE_DESCRIPTOR_H_
#define CARAVAN_BASE_FILE_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace caravan {

class FileDescriptor {
 public:
  // Negative: none, as open() answers on an error.
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace caravan

#endif  // CARAVAN_BASE_FILE_DESCRIPTOR_H_
