// Any bytes as a CSV file: an error or records, never a crash; every record has the header's
// fields.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "data/csv_reader.h"

namespace caravan::data {
namespace {

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  absl::StatusOr<size_t> Read(std::span<char> buffer) override {
    // Small pieces, so that records run over their edges.
    const size_t got = std::min({buffer.size(), bytes_.size(), size_t{7}});
    std::memcpy(buffer.data(), bytes_.data(), got);
    bytes_.remove_prefix(got);
    return got;
  }
  double Fraction() const override { return 0; }

 private:
  std::string_view bytes_;
};

void ReadAll(std::string_view bytes) {
  absl::StatusOr<CsvReader> csv =
      CsvReader::FromSource("fuzz.csv", std::make_unique<MemorySource>(bytes));
  if (!csv.ok()) return;
  while (true) {
    const absl::StatusOr<bool> more = csv->Next();
    if (!more.ok() || !*more) return;
    for (uint32_t i = 0; i < csv->columns().size(); ++i) {
      if (csv->Text(i).size() > bytes.size()) std::abort();
      if (csv->Date(i).ok() && csv->Text(i).size() != 10) std::abort();
      const absl::StatusOr<std::optional<float>> number = csv->Number(i);
      if (number.ok() && number->has_value() && !std::isfinite(**number)) std::abort();
    }
  }
}

}  // namespace
}  // namespace caravan::data

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caravan::data::ReadAll({reinterpret_cast<const char*>(data), size});
  return 0;
}
