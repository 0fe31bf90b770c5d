// A folder of its own for a test, gone when the test is over.
#ifndef CARAVAN_TESTS_DATA_TEMPORARY_FOLDER_H_
#define CARAVAN_TESTS_DATA_TEMPORARY_FOLDER_H_

#include <string>
#include <string_view>

namespace caravan::data {

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  // Writes a file in it and gives its path back.
  std::string Write(std::string_view name, std::string_view content) const;

 private:
  std::string path_;
};

}  // namespace caravan::data

#endif  // CARAVAN_TESTS_DATA_TEMPORARY_FOLDER_H_
