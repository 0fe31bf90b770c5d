#include "data/csv_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <string>
#include <vector>

#include "tests/data/temporary_folder.h"

namespace caravan::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Table = std::vector<std::vector<std::string>>;

// All records, or the first error.
absl::StatusOr<Table> ReadAll(const std::string& path) {
  absl::StatusOr<CsvReader> csv = CsvReader::Open(path);
  if (!csv.ok()) return csv.status();
  Table table;
  while (true) {
    const absl::StatusOr<bool> more = csv->Next();
    if (!more.ok()) return more.status();
    if (!*more) return table;
    std::vector<std::string>& record = table.emplace_back();
    for (uint32_t i = 0; i < csv->columns().size(); ++i) record.emplace_back(csv->Text(i));
  }
}

std::string Gzip(const std::string& text) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

TEST(CsvReaderTest, QuotesCommasLineBreaksAndByteOrderMark) {
  const TemporaryFolder folder;
  const std::string path = folder.Write(
      "a.csv",
      "\xef\xbb\xbfname,note\r\n\"Baton Rouge, LA\",\"two\nlines\"\r\n\n\"a \"\"b\"\"\",\n");
  const absl::StatusOr<Table> table = ReadAll(path);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(*table, ElementsAre(ElementsAre("Baton Rouge, LA", "two\nlines"),
                                  ElementsAre("a \"b\"", "")));
}

TEST(CsvReaderTest, LastLineMayLackItsEnd) {
  const TemporaryFolder folder;
  const absl::StatusOr<Table> table = ReadAll(folder.Write("a.csv", "a,b\n1,2"));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(*table, ElementsAre(ElementsAre("1", "2")));
}

TEST(CsvReaderTest, CompressedFilesReadTheSame) {
  const TemporaryFolder folder;
  std::string text = "a,b\n";
  for (int i = 0; i < 100000; ++i) text += fmt::format("{},\"x{}\"\n", i, i * 7);
  const absl::StatusOr<Table> plain = ReadAll(folder.Write("a.csv", text));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->size(), 100000);
  const absl::StatusOr<Table> gzip = ReadAll(folder.Write("a.csv.gz", Gzip(text)));
  ASSERT_TRUE(gzip.ok()) << gzip.status();
  EXPECT_EQ(*gzip, *plain);
  const absl::StatusOr<Table> zstd = ReadAll(folder.Write("a.csv.zst", Zstd(text)));
  ASSERT_TRUE(zstd.ok()) << zstd.status();
  EXPECT_EQ(*zstd, *plain);
  // Several members one behind the other are one file.
  const absl::StatusOr<Table> members =
      ReadAll(folder.Write("b.csv.gz", Gzip(text.substr(0, 1000)) + Gzip(text.substr(1000))));
  ASSERT_TRUE(members.ok()) << members.status();
  EXPECT_EQ(*members, *plain);
}

TEST(CsvReaderTest, CutOffOrDamagedStreamIsDataLoss) {
  const TemporaryFolder folder;
  std::string text = "a\n";
  for (int i = 0; i < 5000; ++i) text += fmt::format("{}\n", i * 7919 % 10007);
  for (const bool gzip : {true, false}) {
    const std::string whole = gzip ? Gzip(text) : Zstd(text);
    const std::string name = gzip ? "a.csv.gz" : "a.csv.zst";
    const std::string cut = whole.substr(0, whole.size() / 2);
    const absl::Status status = ReadAll(folder.Write(name, cut)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
    std::string flipped = whole;
    flipped[0] ^= 1;
    EXPECT_EQ(ReadAll(folder.Write(name, flipped)).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(CsvReaderTest, ErrorsNameFileAndLine) {
  const TemporaryFolder folder;
  const struct {
    std::string text;
    std::string where;
    std::string what;
  } cases[] = {
      {"", ":1:", "empty"},
      {"a,a\n", ":1:", "twice"},
      {"a,b\n1,2\n1,2,3\n", ":3:", "3 fields where the header has 2"},
      {"a,b\n\"x\ny\",1\n1\n", ":4:", "1 fields"},
      {"a,b\n1,\"x\n", ":2:", "never closed"},
      {"a,b\n\"x\"y,1\n", ":2:", "comma"},
      {"a,b\n1,x\"y\n", ":2:", "field 2"},
  };
  for (const auto& bad : cases) {
    const absl::Status status = ReadAll(folder.Write("bad.csv", bad.text)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("bad.csv" + bad.where));
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.what));
  }
  EXPECT_EQ(CsvReader::Open(folder.path() + "/none.csv").status().code(),
            absl::StatusCode::kNotFound);
}

TEST(CsvReaderTest, NumbersAndDates) {
  const TemporaryFolder folder;
  absl::StatusOr<CsvReader> csv = CsvReader::Open(folder.Write(
      "a.csv", "x,day\n-1.5,2001-02-28\n,2001-02-29\nnan,01-02-03\n1e99,2001-2-03\n7 ,x\n"));
  ASSERT_TRUE(csv.ok());
  ASSERT_TRUE(*csv->Next());
  EXPECT_EQ(csv->Number(0).value(), -1.5F);
  EXPECT_EQ(csv->Date(1).value(), 11381);
  ASSERT_TRUE(*csv->Next());
  EXPECT_EQ(csv->Number(0).value(), std::nullopt);
  EXPECT_THAT(std::string(csv->Date(1).status().message()),
              HasSubstr("a.csv:3: column 'day': '2001-02-29' is no date"));
  for (int line = 4; line <= 6; ++line) {
    ASSERT_TRUE(*csv->Next());
    EXPECT_THAT(std::string(csv->Number(0).status().message()),
                HasSubstr(fmt::format("a.csv:{}: column 'x': ", line)));
    EXPECT_FALSE(csv->Date(1).ok());
  }
  EXPECT_THAT(std::string(csv->Column("y").status().message()), HasSubstr("x, day"));
}

TEST(CsvReaderTest, EndlessRecordIsRefused) {
  const TemporaryFolder folder;
  const std::string text = "a\n\"" + std::string(kRecordBytesMax + 10, 'x');
  EXPECT_THAT(std::string(ReadAll(folder.Write("a.csv", text)).status().message()),
              HasSubstr("longer than"));
}

}  // namespace
}  // namespace caravan::data
