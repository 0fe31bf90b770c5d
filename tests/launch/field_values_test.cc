#include "launch/compare/field_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caravan::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FieldValuesTest, TheNameOfAPartMayBeLeftOut) {
  EXPECT_THAT(*FieldOverrides("history_days:7,14"),
              ElementsAre("data.history_days=7", "data.history_days=14"));
  EXPECT_THAT(*FieldOverrides("meta.scenario_width:8"), ElementsAre("model.meta.scenario_width=8"));
  EXPECT_THAT(*FieldOverrides("model.meta.layers:1"), ElementsAre("model.meta.layers=1"));
  // No part has it: the job names it.
  EXPECT_THAT(*FieldOverrides("no.such:1"), ElementsAre("no.such=1"));
}

TEST(FieldValuesTest, AGridHasAllCombinations) {
  EXPECT_THAT(*OverrideGrid("view_width:32,64;training.epochs:1,2"),
              ElementsAre(ElementsAre("model.view_width=32", "training.epochs=1"),
                          ElementsAre("model.view_width=32", "training.epochs=2"),
                          ElementsAre("model.view_width=64", "training.epochs=1"),
                          ElementsAre("model.view_width=64", "training.epochs=2")));
}

TEST(FieldValuesTest, WhatHasNoFieldOrNoValueIsNamed) {
  for (const char* text : {"", "history_days", "history_days:", ":7", "history_days:7;"}) {
    const auto grid = OverrideGrid(text);
    EXPECT_EQ(grid.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(grid.status().message()), HasSubstr("FIELD:VALUE,VALUE,... is wanted"));
  }
}

}  // namespace
}  // namespace caravan::launch
