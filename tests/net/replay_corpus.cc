// A fuzz target's corpus through the same entry, without a fuzzer: the arguments are folders of
// inputs. Fails where a folder has none.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

#include "base/file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    int inputs = 0;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      const absl::StatusOr<std::string> input = caravan::ReadFile(entry.path().string());
      if (!input.ok()) {
        std::fprintf(stderr, "%s\n", input.status().ToString().c_str());
        return 1;
      }
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input->data()), input->size());
      ++inputs;
    }
    std::printf("%s: %d inputs\n", argv[i], inputs);
    if (inputs == 0) return 1;
  }
  return 0;
}
