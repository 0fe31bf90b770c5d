#include "conf/fingerprint.h"

#include <gtest/gtest.h>

#include "conf/job_defaults.h"
#include "tests/conf/job_text.h"

namespace caravan::conf {
namespace {

TEST(FingerprintTest, ADefaultWrittenOutChangesNothing) {
  const Job job = ParseJobText();
  Job full = job;
  FillDefaults(full);
  EXPECT_EQ(full.training().batch_size(), 256u);
  EXPECT_TRUE(full.training().optimizer().has_adam());
  EXPECT_EQ(JobFingerprint(job), JobFingerprint(full));
  EXPECT_EQ(DataFingerprint(job.data()), DataFingerprint(full.data()));
}

TEST(FingerprintTest, WhatMayDifferOnResumeIsLeftOut) {
  const Job job = ParseJobText();
  Job resumed = job;
  resumed.mutable_data()->set_directory("/elsewhere");
  resumed.mutable_cluster()->set_workers(3);
  resumed.mutable_cluster()->set_servers(7);
  resumed.mutable_worker()->set_threads(2);
  resumed.mutable_server()->set_hot_rows_mebibytes(9);
  resumed.mutable_checkpoint()->set_keep(1);
  resumed.mutable_training()->set_epochs(99);
  resumed.mutable_training()->mutable_early_stopping()->set_patience(7);
  EXPECT_EQ(JobFingerprint(job), JobFingerprint(resumed));
}

TEST(FingerprintTest, WhatDecidesTheModelIsInIt) {
  const Job job = ParseJobText();
  Job other = job;
  other.mutable_cluster()->set_shards(512);
  EXPECT_NE(JobFingerprint(job), JobFingerprint(other));
  other = job;
  other.mutable_training()->set_seed(2);
  EXPECT_NE(JobFingerprint(job), JobFingerprint(other));
  other = job;
  other.mutable_data()->mutable_tasks(0)->set_weight(2);
  EXPECT_NE(JobFingerprint(job), JobFingerprint(other));
}

TEST(FingerprintTest, AnImportDependsOnTheDataSectionAlone) {
  const Job job = ParseJobText();
  Data other = job.data();
  other.mutable_tasks(0)->set_weight(2);
  EXPECT_EQ(DataFingerprint(job.data()), DataFingerprint(other));
  other.set_buckets(64);
  EXPECT_NE(DataFingerprint(job.data()), DataFingerprint(other));
}

TEST(FingerprintTest, ModelsDifferByTheirTensors) {
  ModelSpec model;
  model.set_net("m2m");
  model.add_tensors()->set_name("experts.weight");
  ModelSpec other = model;
  other.mutable_tensors(0)->add_dimensions(4);
  EXPECT_NE(ModelFingerprint(model), ModelFingerprint(other));
}

}  // namespace
}  // namespace caravan::conf
