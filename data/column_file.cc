#include "data/column_file.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/hash.h"

namespace caravan::data {
namespace {

constexpr std::string_view kFooterMagic = "CRVNSEND";
constexpr int kCompressionLevel = 6;

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t reserved;  // 0
};
struct Footer {
  uint64_t index_offset;
  uint64_t index_bytes;
  uint64_t index_checksum;  // XXH3 of the index
  uint64_t checksum;        // XXH3 of the three above
  char magic[8];
};
static_assert(sizeof(Header) == 16 && sizeof(Footer) == 40, "fixed by the format");

template <typename T>
std::string_view AsBytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

uint64_t FooterChecksum(const Footer& footer) {
  return HashBytes(AsBytes(footer).substr(0, offsetof(Footer, checksum)));
}

absl::Status Damaged(const std::string& path, std::string_view what) {
  return absl::DataLossError(fmt::format("{}: {}", path, what));
}

absl::Status CheckHeader(const std::string& path, std::string_view content) {
  if (content.size() < sizeof(Header) + sizeof(Footer)) {
    return Damaged(
        path, fmt::format("{} bytes are too few for a sample file; it is cut off", content.size()));
  }
  Header header;
  std::memcpy(&header, content.data(), sizeof(header));
  if (std::string_view(header.magic, sizeof(header.magic)) != kColumnFileMagic) {
    return Damaged(path, "the header is damaged, or this is no sample file");
  }
  if (header.reserved != 0) return Damaged(path, "the header is damaged");
  if (header.version != kColumnFileVersion) {
    return absl::FailedPreconditionError(
        fmt::format("{}: version {}, this program reads version {}; import the data again", path,
                    header.version, kColumnFileVersion));
  }
  return absl::OkStatus();
}

// Blocks must lie one behind the other from the header to the index: no byte is left unchecked.
absl::Status CheckBlocks(const std::string& path, const format::Index& index,
                         uint64_t index_offset) {
  uint64_t offset = sizeof(Header);
  for (const format::Column& column : index.columns()) {
    uint64_t raw_bytes = 0;
    for (const format::Block& block : column.blocks()) {
      if (block.offset() != offset || block.raw_bytes() > kBlockBytesMax) {
        return Damaged(path,
                       fmt::format("the index misplaces a block of column {}", column.name()));
      }
      offset += block.stored_bytes();
      raw_bytes += block.raw_bytes();
    }
    if (column.element_bytes() == 0 || raw_bytes > kColumnBytesMax ||
        raw_bytes != column.elements() * column.element_bytes()) {
      return Damaged(path, fmt::format("the index miscounts column {}", column.name()));
    }
  }
  if (offset != index_offset) return Damaged(path, "the index leaves out part of the file");
  return absl::OkStatus();
}

}  // namespace

ColumnFileWriter::ColumnFileWriter() {
  Header header = {.magic = {}, .version = kColumnFileVersion, .reserved = 0};
  kColumnFileMagic.copy(header.magic, sizeof(header.magic));
  content_ = AsBytes(header);
}

absl::Status ColumnFileWriter::AddBytes(const std::string& name, uint32_t element_bytes,
                                        std::string_view raw) {
  format::Column& column = *index_.add_columns();
  column.set_name(name);
  column.set_element_bytes(element_bytes);
  column.set_elements(raw.size() / element_bytes);
  while (!raw.empty()) {
    const std::string_view piece = raw.substr(0, kBlockBytesMax);
    raw.remove_prefix(piece.size());
    const size_t offset = content_.size();
    content_.resize(offset + ZSTD_compressBound(piece.size()));
    const size_t stored = ZSTD_compress(content_.data() + offset, content_.size() - offset,
                                        piece.data(), piece.size(), kCompressionLevel);
    if (ZSTD_isError(stored)) {
      return absl::InternalError(
          fmt::format("cannot compress column {}: {}", name, ZSTD_getErrorName(stored)));
    }
    content_.resize(offset + stored);
    format::Block& block = *column.add_blocks();
    block.set_offset(offset);
    block.set_stored_bytes(static_cast<uint32_t>(stored));
    block.set_raw_bytes(static_cast<uint32_t>(piece.size()));
    block.set_checksum(HashBytes(std::string_view(content_).substr(offset)));
  }
  return absl::OkStatus();
}

std::string ColumnFileWriter::Finish() {
  const std::string index = index_.SerializeAsString();
  Footer footer = {.index_offset = content_.size(),
                   .index_bytes = index.size(),
                   .index_checksum = HashBytes(std::string_view(index)),
                   .checksum = 0,
                   .magic = {}};
  footer.checksum = FooterChecksum(footer);
  kFooterMagic.copy(footer.magic, sizeof(footer.magic));
  content_ += index;
  content_ += AsBytes(footer);
  return std::move(content_);
}

absl::StatusOr<format::Index> ParseColumnFile(const std::string& path, std::string_view content) {
  CARAVAN_RETURN_IF_ERROR(CheckHeader(path, content));
  Footer footer;
  const size_t footer_offset = content.size() - sizeof(Footer);
  std::memcpy(&footer, content.data() + footer_offset, sizeof(footer));
  if (std::string_view(footer.magic, sizeof(footer.magic)) != kFooterMagic ||
      footer.checksum != FooterChecksum(footer)) {
    return Damaged(path, "the footer is damaged; the file is cut off or overwritten");
  }
  if (footer.index_offset > footer_offset ||
      footer.index_bytes != footer_offset - footer.index_offset) {
    return Damaged(path, "the footer misplaces the index; part of the file is missing");
  }
  const std::string_view bytes = content.substr(footer.index_offset, footer.index_bytes);
  if (HashBytes(bytes) != footer.index_checksum) {
    return Damaged(path, "the index is damaged: its checksum does not fit");
  }
  format::Index index;
  if (!index.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Damaged(path, "the index is no index");
  }
  CARAVAN_RETURN_IF_ERROR(CheckBlocks(path, index, footer.index_offset));
  return index;
}

const format::Column* FindColumn(const format::Index& index, std::string_view name) {
  const auto found = std::find_if(index.columns().begin(), index.columns().end(),
                                  [&](const format::Column& c) { return c.name() == name; });
  return found == index.columns().end() ? nullptr : &*found;
}

absl::StatusOr<std::string> ReadColumnBytes(const std::string& path, std::string_view content,
                                            const format::Column& column) {
  std::string raw;
  raw.resize(column.elements() * column.element_bytes());
  size_t filled = 0;
  for (int i = 0; i < column.blocks_size(); ++i) {
    const format::Block& block = column.blocks(i);
    const auto damaged = [&](std::string_view what) {
      return Damaged(path, fmt::format("column {}, block {}: {}", column.name(), i, what));
    };
    if (block.offset() > content.size() || block.stored_bytes() > content.size() - block.offset() ||
        block.raw_bytes() > raw.size() - filled) {
      return damaged("lies outside the file");
    }
    const std::string_view stored = content.substr(block.offset(), block.stored_bytes());
    if (HashBytes(stored) != block.checksum()) return damaged("its checksum does not fit");
    const size_t got =
        ZSTD_decompress(raw.data() + filled, block.raw_bytes(), stored.data(), stored.size());
    if (ZSTD_isError(got) || got != block.raw_bytes()) return damaged("cannot be decompressed");
    filled += got;
  }
  return raw;
}

}  // namespace caravan::data
