// Where each field of a job was written, so that an error can point there.
#ifndef CARAVAN_CONF_FIELD_LOCATIONS_H_
#define CARAVAN_CONF_FIELD_LOCATIONS_H_

#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <map>
#include <string>

namespace caravan::conf {

// Paths are written as in an override: "training.epochs", "data.tasks[1].weight". A value type.
class FieldLocations {
 public:
  // `file`: what stands for a field that was written nowhere.
  explicit FieldLocations(std::string file) : file_(std::move(file)) {}

  // Every field of `message` that `tree` knows the place of: file:line:column, from 1.
  void AddTree(const google::protobuf::Message& message,
               const google::protobuf::TextFormat::ParseInfoTree& tree);
  // An override replaces the place of the field and of all below it.
  void AddOverride(const std::string& path, const std::string& override_text);

  // Of the field, or of the closest message around it that was written.
  std::string Where(const std::string& path) const;

 private:
  void AddTree(const google::protobuf::Message& message,
               const google::protobuf::TextFormat::ParseInfoTree& tree, const std::string& prefix);

  std::string file_;
  std::map<std::string, std::string> places_;
};

// "tasks[1]" for a repeated field, "epochs" for another, `prefix` and a dot before it.
std::string FieldPath(const std::string& prefix, const google::protobuf::FieldDescriptor& field,
                      int index);

}  // namespace caravan::conf

#endif  // CARAVAN_CONF_FIELD_LOCATIONS_H_
