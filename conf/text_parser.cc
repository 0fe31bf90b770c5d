#include "conf/text_parser.h"

#include <fmt/format.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <sstream>
#include <system_error>
#include <vector>

#include "conf/nearest_name.h"

namespace caravan::conf {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::TextFormat;

// A place in a text, counted from 0.
struct Place {
  int line = 0;
  int column = 0;
};

// The first error of a parse; those behind it follow from it.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  struct Error {
    Place place;
    std::string message;
  };
  void AddError(int line, int column, const std::string& message) override {
    if (!error_.has_value()) error_ = Error{{line, column}, message};
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  std::optional<Error> error_;
};

size_t LineStart(const std::string& text, int line) {
  size_t start = 0;
  for (int i = 0; i < line; ++i) {
    const size_t end = text.find('\n', start);
    if (end == std::string::npos) break;
    start = end + 1;
  }
  return start;
}

std::string LineAt(const std::string& text, int number) {
  const size_t start = LineStart(text, number);
  const std::string line = text.substr(start, text.find('\n', start) - start);
  const size_t first = line.find_first_not_of(" \t");
  return first == std::string::npos ? "" : line.substr(first);
}

// The parser reports some words once it has read the one behind: where `word` last stands at or
// before `place`.
Place StepBackTo(const std::string& text, const std::string& word, Place place) {
  const size_t offset = LineStart(text, place.line) + static_cast<size_t>(place.column);
  const size_t found = text.rfind(word, offset);
  if (found == std::string::npos) return place;
  const size_t line_start = found == 0 ? 0 : text.rfind('\n', found - 1) + 1;
  return {static_cast<int>(std::count(text.begin(), text.begin() + static_cast<long>(found), '\n')),
          static_cast<int>(found - line_start)};
}

// The enum of the field called `name`, wherever below `message` it is; no two of a file differ.
const EnumDescriptor* EnumOfField(const Descriptor& message, const std::string& name) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (field.name() == name && field.enum_type() != nullptr) return field.enum_type();
    if (field.message_type() == nullptr) continue;
    const EnumDescriptor* found = EnumOfField(*field.message_type(), name);
    if (found != nullptr) return found;
  }
  return nullptr;
}

// Protobuf's message in our words, with what would be right behind it and its place put right.
FirstError::Error Explain(const Descriptor& root, const std::string& text,
                          const FirstError::Error& error) {
  std::smatch match;
  const std::regex unknown_field("Message type \"([^\"]*)\" has no field named \"([^\"]*)\".*");
  if (std::regex_match(error.message, match, unknown_field)) {
    const Descriptor* type = root.file()->pool()->FindMessageTypeByName(match[1].str());
    if (type != nullptr) {
      return {StepBackTo(text, match[2].str(), error.place),
              fmt::format("there is no field \"{}\" in {}{}", match[2].str(), type->name(),
                          NearestField(*type, match[2].str()))};
    }
  }
  const std::regex unknown_value(
      "Unknown enumeration value of \"([^\"]*)\" for field \"([^\"]*)\".*");
  if (std::regex_match(error.message, match, unknown_value)) {
    const EnumDescriptor* type = EnumOfField(root, match[2].str());
    if (type != nullptr) {
      return {StepBackTo(text, match[1].str(), error.place),
              fmt::format("{} is \"{}\"; {} is allowed", match[2].str(), match[1].str(),
                          EnumChoices(*type))};
    }
  }
  return error;
}

}  // namespace

std::string NearestField(const Descriptor& message, const std::string& name) {
  std::vector<std::string> known;
  known.reserve(message.field_count());
  for (int i = 0; i < message.field_count(); ++i) known.push_back(message.field(i)->name());
  const std::string nearest = NearestName(name, known);
  if (!nearest.empty()) return fmt::format(" (did you mean {}?)", nearest);
  return known.empty() ? "" : fmt::format("; it has {}", fmt::join(known, ", "));
}

std::string EnumChoices(const EnumDescriptor& type) {
  std::string choices;
  for (int i = 0; i < type.value_count(); ++i) {
    if (i > 0) choices += i + 1 == type.value_count() ? " or " : ", ";
    choices += type.value(i)->name();
  }
  return choices;
}

absl::StatusOr<std::string> ReadText(const std::string& path, std::string_view what) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(fmt::format("{}: is a folder; a {} is wanted", path, what));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(
        fmt::format("{}: cannot read this {}: {}", path, what, std::strerror(errno)));
  }
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

absl::Status ParseText(const std::string& text, const std::string& file, Message& message,
                       FieldLocations& locations) {
  FirstError errors;
  TextFormat::ParseInfoTree tree;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.WriteLocationsTo(&tree);
  if (!parser.ParseFromString(text, &message)) {
    const Descriptor& type = *message.GetDescriptor();
    if (!errors.error().has_value()) {
      return absl::InvalidArgumentError(
          fmt::format("{}: not a {} in Protobuf text", file, type.name()));
    }
    const FirstError::Error error = Explain(type, text, *errors.error());
    const std::string line = LineAt(text, error.place.line);
    return absl::InvalidArgumentError(fmt::format("{}:{}:{}: {}, in \"{}\"", file,
                                                  error.place.line + 1, error.place.column + 1,
                                                  error.message, line));
  }
  locations.AddTree(message, tree);
  return absl::OkStatus();
}

}  // namespace caravan::conf
