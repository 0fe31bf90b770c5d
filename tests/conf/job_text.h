// A job that is right, for tests to spoil.
#ifndef CARAVAN_TESTS_CONF_JOB_TEXT_H_
#define CARAVAN_TESTS_CONF_JOB_TEXT_H_

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "conf/job.pb.h"

namespace caravan::conf {

inline constexpr char kJobText[] = R"(name: "small"
data {
  directory: "raw"
  behaviour_columns: "views"
  performance_columns: ["clicks", "spend"]
  tasks { name: "clicks" }
  tasks { name: "active" column: "clicks" aggregate: DAYS_NONZERO }
}
training {
  epochs: 3
  schedule: COSINE
}
)";

inline Job ParseJobText(const std::string& text = kJobText) {
  Job job;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &job));
  return job;
}

}  // namespace caravan::conf

#endif  // CARAVAN_TESTS_CONF_JOB_TEXT_H_
