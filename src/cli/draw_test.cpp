#include "cli/draw.h"

#include <gtest/gtest.h>

namespace timbre::cli {
namespace {

Event progress(double done, double total) {
  return {"progress", {{"task", "pitch"}, {"done", done}, {"total", total}, {"unit", "clips"}, {"note", "x.wav"}}};
}

TEST(ProgressLine, SaysAll) {
  EXPECT_EQ(progress_line(progress(312, 568), 72, 0), "pitch  312/568 clips  54 %  1 min 12 s left  x.wav");
  EXPECT_EQ(progress_line(progress(5, 10), -1, 4), "pitch  [==  ]  5/10 clips  50 %  x.wav");
  EXPECT_EQ(progress_line(progress(10, 10), 0, 0), "pitch  10/10 clips  100 %  x.wav");
  EXPECT_EQ(progress_line({"progress", {{"task", "read"}, {"done", 3}, {"total", 0}}}, -1, 20), "read  3")
      << "no total, no share";
}

TEST(Pace, SteadyWork) {
  Pace pace;
  for (int i = 0; i <= 50; ++i) pace.reach(i, 100, i * 0.2);
  EXPECT_NEAR(pace.left_s(), 10, 0.01);
}

TEST(Pace, WhatWasDoneBeforeSaysNothingOfTheSpeed) {
  Pace pace;
  pace.reach(900, 1000, 5);  // a resumed task
  EXPECT_LT(pace.left_s(), 0) << "unknown at first";
  for (int i = 1; i <= 10; ++i) pace.reach(900 + i, 1000, 5 + i);
  EXPECT_NEAR(pace.left_s(), 90, 0.1);
}

TEST(Pace, FollowsAChangeOfSpeed) {
  Pace pace;
  double now = 0, done = 0;
  for (int i = 0; i < 20; ++i) pace.reach(done += 10, 1000, now += 1);
  for (int i = 0; i < 60; ++i) pace.reach(done += 1, 1000, now += 1);
  const double left = pace.left_s(), at_one_a_second = 1000 - done;
  EXPECT_GT(left, 0.4 * at_one_a_second);
  EXPECT_LT(left, 1.1 * at_one_a_second);
}

TEST(Sparse, TenSecondsOrTenPercent) {
  Sparse sparse;
  EXPECT_TRUE(sparse.due(0, 1000, 0)) << "the start";
  EXPECT_FALSE(sparse.due(500, 1000, 0.5)) << "not within a second";
  EXPECT_TRUE(sparse.due(510, 1000, 1.5)) << "ten percent more";
  EXPECT_FALSE(sparse.due(520, 1000, 11));
  EXPECT_TRUE(sparse.due(521, 1000, 11.6)) << "ten seconds later";
  EXPECT_TRUE(sparse.due(1000, 1000, 11.7)) << "the end";
}

}  // namespace
}  // namespace timbre::cli
