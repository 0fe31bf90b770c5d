#include "conf/job_overrides.h"

#include <fmt/format.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "conf/text_parser.h"

namespace caravan::conf {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t cut = text.find(separator);
    parts.emplace_back(text.substr(0, cut));
    if (cut == std::string_view::npos) return parts;
    text.remove_prefix(cut + 1);
  }
}

// "tasks[1]": a name and, where there is one, an index.
struct PathPart {
  std::string name;
  std::optional<int> index;
};

std::optional<PathPart> ParsePathPart(const std::string& text) {
  const size_t bracket = text.find('[');
  if (bracket == std::string::npos) return PathPart{text, std::nullopt};
  int index = 0;
  const char* end = text.data() + text.size() - 1;
  const auto parsed = std::from_chars(text.data() + bracket + 1, end, index);
  if (*end != ']' || parsed.ptr != end || parsed.ec != std::errc() || index < 0)
    return std::nullopt;
  return PathPart{text.substr(0, bracket), index};
}

std::string AllowedValues(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumChoices(*field.enum_type());
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return "text";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return fmt::format("{{…}} with fields of {} in Protobuf text", field.message_type()->name());
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return "a number";
    default:
      return "a whole number, not negative,";
  }
}

class Silent : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, int, const std::string&) override {}
};

// Sets a singular field, or appends to a repeated one.
bool SetOrAppend(Message& message, const FieldDescriptor& field, const std::string& value) {
  const bool quoted = !value.empty() && (value[0] == '"' || value[0] == '\'');
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING && !quoted) {
    if (field.is_repeated()) {
      message.GetReflection()->AddString(&message, &field, value);
    } else {
      message.GetReflection()->SetString(&message, &field, value);
    }
    return true;
  }
  Silent silent;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&silent);
  return parser.ParseFieldValueFromString(value, &field, &message);
}

// One override on its way through the job.
class Override {
 public:
  static absl::StatusOr<Override> Parse(const std::string& text) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(
          fmt::format("--set={}: path.to.field=value is wanted", text));
    }
    Override parsed;
    parsed.text_ = text;
    parsed.append_ = text[equals - 1] == '+';
    parsed.path_ = text.substr(0, parsed.append_ ? equals - 1 : equals);
    parsed.value_ = text.substr(equals + 1);
    return parsed;
  }

  const std::string& path() const { return path_; }

  absl::Status Apply(Message& job) const {
    Message* message = &job;
    const std::vector<std::string> parts = Split(path_, '.');
    for (size_t i = 0; i < parts.size(); ++i) {
      const std::optional<PathPart> part = ParsePathPart(parts[i]);
      if (!part.has_value()) return Wrong(fmt::format("\"{}\" is no field[index]", parts[i]));
      const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(part->name);
      if (field == nullptr) {
        return Wrong(fmt::format("there is no field \"{}\" in {}{}", part->name,
                                 message->GetDescriptor()->name(),
                                 NearestField(*message->GetDescriptor(), part->name)));
      }
      const absl::Status index = CheckIndex(*message, *field, *part);
      if (!index.ok()) return index;
      if (i + 1 == parts.size()) return SetField(*message, *field, part->index);
      message = Descend(*message, *field, *part);
      if (message == nullptr) {
        return Wrong(fmt::format("{} {}", part->name,
                                 field->message_type() == nullptr ? "has no fields of its own"
                                                                  : "needs an index, as in [0]"));
      }
    }
    return Wrong("an empty path");
  }

 private:
  Override() = default;

  absl::Status Wrong(const std::string& why) const {
    return absl::InvalidArgumentError(fmt::format("--set={}: {}", text_, why));
  }

  absl::Status CheckIndex(const Message& message, const FieldDescriptor& field,
                          const PathPart& part) const {
    if (!part.index.has_value()) return absl::OkStatus();
    if (!field.is_repeated()) return Wrong(fmt::format("{} takes no index", part.name));
    const int size = message.GetReflection()->FieldSize(message, &field);
    if (*part.index < size) return absl::OkStatus();
    return Wrong(fmt::format("{} has {} elements, counted from 0", part.name, size));
  }

  // The message behind a part of the path; null where the part leads to none.
  static Message* Descend(Message& message, const FieldDescriptor& field, const PathPart& part) {
    if (field.message_type() == nullptr) return nullptr;
    if (!field.is_repeated()) return message.GetReflection()->MutableMessage(&message, &field);
    if (!part.index.has_value()) return nullptr;
    return message.GetReflection()->MutableRepeatedMessage(&message, &field, *part.index);
  }

  absl::Status SetField(Message& message, const FieldDescriptor& field,
                        std::optional<int> index) const {
    const Reflection& reflection = *message.GetReflection();
    if (append_ && (!field.is_repeated() || index.has_value())) {
      return Wrong(fmt::format("{} is no list; use = instead of +=", path_));
    }
    if (!field.is_repeated() || append_) return Set(message, field, value_);
    if (index.has_value()) {
      // Appended, then put in the old element's place.
      const absl::Status appended = Set(message, field, value_);
      if (!appended.ok()) return appended;
      reflection.SwapElements(&message, &field, *index, reflection.FieldSize(message, &field) - 1);
      reflection.RemoveLast(&message, &field);
      return absl::OkStatus();
    }
    reflection.ClearField(&message, &field);
    if (value_.empty()) return absl::OkStatus();
    if (field.message_type() != nullptr) return Set(message, field, value_);
    for (const std::string& element : Split(value_, ',')) {
      const absl::Status status = Set(message, field, element);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Set(Message& message, const FieldDescriptor& field, const std::string& value) const {
    if (SetOrAppend(message, field, value)) return absl::OkStatus();
    return Wrong(fmt::format("{} is \"{}\"; {} is allowed", path_, value, AllowedValues(field)));
  }

  std::string text_;
  std::string path_;
  std::string value_;
  bool append_ = false;
};

}  // namespace

absl::StatusOr<std::string> ApplyOverride(Job& job, const std::string& override_text) {
  const absl::StatusOr<Override> parsed = Override::Parse(override_text);
  if (!parsed.ok()) return parsed.status();
  Job changed = job;
  const absl::Status status = parsed->Apply(changed);
  if (!status.ok()) return status;
  job = std::move(changed);
  return parsed->path();
}

}  // namespace caravan::conf
