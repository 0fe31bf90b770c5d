// A short private folder for ipc endpoints, removed at the end of the test.
#ifndef CARAVAN_TESTS_NET_IPC_DIRECTORY_H_
#define CARAVAN_TESTS_NET_IPC_DIRECTORY_H_

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "glog/logging.h"

namespace caravan::net {

class IpcDirectory {
 public:
  IpcDirectory() {
    std::string pattern = "/tmp/caravan.XXXXXX";
    CHECK(mkdtemp(pattern.data()) != nullptr) << "no folder could be made in /tmp";
    path_ = pattern;
  }
  ~IpcDirectory() { std::filesystem::remove_all(path_); }
  IpcDirectory(const IpcDirectory&) = delete;
  IpcDirectory& operator=(const IpcDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string Endpoint(const std::string& name) const { return "ipc://" + path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace caravan::net

#endif  // CARAVAN_TESTS_NET_IPC_DIRECTORY_H_
