#include "conf/field_locations.h"

#include <fmt/format.h>

#include <iterator>
#include <vector>

namespace caravan::conf {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::TextFormat;

std::string FieldPath(const std::string& prefix, const FieldDescriptor& field, int index) {
  std::string path = prefix.empty() ? field.name() : prefix + "." + field.name();
  if (field.is_repeated()) path += fmt::format("[{}]", index);
  return path;
}

void FieldLocations::AddTree(const Message& message, const TextFormat::ParseInfoTree& tree) {
  AddTree(message, tree, "");
}

void FieldLocations::AddTree(const Message& message, const TextFormat::ParseInfoTree& tree,
                             const std::string& prefix) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool repeated = field->is_repeated();
    const int count = repeated ? message.GetReflection()->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const int tree_index = repeated ? i : -1;
      const std::string path = FieldPath(prefix, *field, i);
      const TextFormat::ParseLocation place = tree.GetLocation(field, tree_index);
      if (place.line >= 0) {
        places_[path] = fmt::format("{}:{}:{}", file_, place.line + 1, place.column + 1);
      }
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      const TextFormat::ParseInfoTree* nested = tree.GetTreeForNested(field, tree_index);
      if (nested == nullptr) continue;
      const Message& child = repeated
                                 ? message.GetReflection()->GetRepeatedMessage(message, field, i)
                                 : message.GetReflection()->GetMessage(message, field);
      AddTree(child, *nested, path);
    }
  }
}

void FieldLocations::AddOverride(const std::string& path, const std::string& override_text) {
  for (auto place = places_.begin(); place != places_.end();) {
    const std::string& known = place->first;
    const bool below = known.starts_with(path + ".") || known.starts_with(path + "[");
    place = below ? places_.erase(place) : std::next(place);
  }
  places_[path] = "--set=" + override_text;
}

std::string FieldLocations::Where(const std::string& path) const {
  std::string prefix = path;
  while (!prefix.empty()) {
    const auto place = places_.find(prefix);
    if (place != places_.end()) return place->second;
    const size_t cut = prefix.find_last_of(".[");
    prefix = cut == std::string::npos ? "" : prefix.substr(0, cut);
  }
  return file_;
}

}  // namespace caravan::conf
