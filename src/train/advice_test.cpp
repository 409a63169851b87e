#include "train/advice.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <functional>

#include "base/files.h"
#include "base/rng.h"

namespace timbre::train {
namespace {

/// A made curve: `valid(step)` and `train(step)` at every 100th step, validation with noise of that deviation.
std::vector<CurvePoint> made(int points, double noise, const std::function<double(double)>& valid,
                             const std::function<double(double)>& train, std::uint64_t seed = 7) {
  Philox random(seed);
  std::vector<CurvePoint> curve;
  for (int i = 1; i <= points; ++i) {
    const double step = 100.0 * i;
    curve.push_back({100 * i, valid(step) + noise * random.normal(), train(step)});
  }
  return curve;
}

double falling(double step) { return 0.5 + 2.0 * std::exp(-step / 800); }
double flat_from_1500(double step) { return 0.8 + 0.0006 * std::max(0.0, 1500 - step); }
double rising_from_1500(double step) { return 0.8 + 0.0006 * std::abs(1500 - step); }

TEST(Advice, AFallingCurveGoesOn) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto a = advise(made(16, 0.004, falling, falling, seed), "runs/x", 1600);
    ASSERT_TRUE(a);
    EXPECT_EQ(a->kind, "improving") << seed << ": " << a->text;
    EXPECT_NE(a->text.find("timbre train --continue runs/x --max-steps 2400"), std::string::npos) << a->text;
  }
}

TEST(Advice, AFlatCurveIsToldFromWhere) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto a = advise(made(40, 0.004, flat_from_1500, falling, seed), "runs/x", 4000);
    ASSERT_TRUE(a);
    EXPECT_EQ(a->kind, "stopped_improving") << seed << ": " << a->text;
    EXPECT_GE(a->since_step, 1300) << seed;
    EXPECT_LE(a->since_step, 1600) << seed;
    EXPECT_NE(a->text.find("stopped improving at step"), std::string::npos);
  }
}

TEST(Advice, ARisingCurveUnderAFallingTrainingLossIsOverfitting) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto a = advise(made(40, 0.01, rising_from_1500, falling, seed), "runs/x", 4000);
    ASSERT_TRUE(a);
    EXPECT_EQ(a->kind, "overfitting") << seed << ": " << a->text;
    EXPECT_NEAR(static_cast<double>(a->since_step), 1500, 200) << seed;
    EXPECT_NE(a->text.find("while the training loss fell"), std::string::npos) << a->text;
    EXPECT_NE(a->text.find(fmt::format("checkpoints/step_{:09}", a->best_step)), std::string::npos) << a->text;
  }
}

TEST(Advice, WhereTrainingRisesTooItDiverges) {
  const auto a = advise(made(40, 0.01, rising_from_1500, rising_from_1500), "runs/x", 4000);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->kind, "diverging") << a->text;
}

TEST(Advice, OneBadValidationAtTheEndChangesNothing) {
  auto curve = made(16, 0.002, falling, falling);
  curve.back().valid *= 1.2;
  EXPECT_EQ(advise(curve, "r", 1600)->kind, "improving");
}

TEST(Advice, FewOrNoValidations) {
  EXPECT_FALSE(advise({}, "r", 100));
  EXPECT_EQ(advise(made(4, 0, falling, falling), "r", 400)->kind, "too_short");
  std::vector<CurvePoint> broken = made(4, 0, falling, falling);
  broken.push_back({500, std::nan(""), {}});
  EXPECT_EQ(advise(broken, "r", 500)->kind, "too_short");
}

TEST(Advice, AConstantCurveHasStoppedAtOnce) {
  const auto a = advise(made(
                            10, 0, [](double) { return 1.0; }, falling),
                        "r", 1000);
  EXPECT_EQ(a->kind, "stopped_improving");
  EXPECT_EQ(a->since_step, 100);
}

TEST(Advice, TheCurveIsReadFromTheRunsEvents) {
  const fs::path dir = fs::temp_directory_path() / ("timbre_advice_" + std::to_string(::getpid()));
  make_folders(dir);
  write_file_atomic(dir / "events.jsonl", R"({"kind":"metric","set":"train","step":10,"values":{"loss":2.5}})"
                                          "\n"
                                          R"({"kind":"metric","set":"valid","step":12,"values":{"loss":3.0,"mel":1}})"
                                          "\n"
                                          R"({"kind":"warning","step":12,"text":"x"})"
                                          "\nhalf a li");
  const auto curve = read_curve(dir);
  fs::remove_all(dir);
  ASSERT_EQ(curve.size(), 1u);
  EXPECT_EQ(curve[0].step, 12);
  EXPECT_EQ(curve[0].valid, 3.0);
  EXPECT_EQ(curve[0].train, 2.5);
}

TEST(Overfit, EveryPartMustBeKnownByHeart) {
  const std::map<std::string, double> targets{{"mel", 0.2}, {"pitch", 0.1}};
  EXPECT_TRUE(judge_overfit(4, 100, {{"mel", 0.19}, {"pitch", 0.1}, {"size", 9}}, targets, 1, 1).pass());
  const auto failed = judge_overfit(4, 100, {{"mel", 0.19}, {"pitch", 0.3}}, targets, 1, 1);
  EXPECT_FALSE(failed.pass());
  EXPECT_NE(failed.text().find("Not reached: pitch"), std::string::npos) << failed.text();
}

TEST(Overfit, WithoutTargetsATenthOfTheUntrainedLossIsEnough) {
  EXPECT_TRUE(judge_overfit(1, 5, {}, {}, 0.1, 1.0).pass());
  EXPECT_FALSE(judge_overfit(1, 5, {}, {}, 0.11, 1.0).pass());
}

}  // namespace
}  // namespace timbre::train
