#include "conf/job_defaults.h"

#include <google/protobuf/message.h>

namespace caravan::conf {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void SetDefault(Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.SetUInt32(&message, &field, field.default_value_uint32());
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(&message, &field, field.default_value_uint64());
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(&message, &field, field.default_value_int32());
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(&message, &field, field.default_value_int64());
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.SetDouble(&message, &field, field.default_value_double());
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection.SetFloat(&message, &field, field.default_value_float());
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(&message, &field, field.default_value_bool());
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnum(&message, &field, field.default_value_enum());
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(&message, &field, field.default_value_string());
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return;
  }
}

// Of `message` and of all messages in it that are there.
void FillFields(Message& message) {
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (field.is_repeated()) {
        for (int j = 0; j < reflection.FieldSize(message, &field); ++j) {
          FillFields(*reflection.MutableRepeatedMessage(&message, &field, j));
        }
      } else if (reflection.HasField(message, &field)) {
        FillFields(*reflection.MutableMessage(&message, &field));
      }
    } else if (field.has_default_value() && !reflection.HasField(message, &field)) {
      SetDefault(message, field);
    }
  }
}

void FillKind(Optimizer& optimizer) {
  if (optimizer.kind_case() == Optimizer::KIND_NOT_SET) optimizer.mutable_adam();
}

}  // namespace

void FillDefaults(Data& data) {
  data.mutable_split();
  FillFields(data);
}

void FillDefaults(Job& job) {
  FillDefaults(*job.mutable_data());
  job.mutable_model()->mutable_meta();
  FillKind(*job.mutable_training()->mutable_optimizer());
  if (job.training().has_sparse_optimizer()) {
    FillKind(*job.mutable_training()->mutable_sparse_optimizer());
  }
  job.mutable_cluster();
  job.mutable_worker();
  job.mutable_server();
  job.mutable_checkpoint();
  FillFields(job);
}

uint32_t ActiveWindowDays(const Data& data) {
  return data.active_window_days() == 0 ? data.history_days() : data.active_window_days();
}

}  // namespace caravan::conf
