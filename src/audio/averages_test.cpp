#include "audio/averages.h"

#include <gtest/gtest.h>

#include <cmath>

#include "audio/golden_for_test.h"
#include "audio/pitch.h"
#include "audio/timebase.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

TEST(Averages, EqualGoldenCases) {
  TIMBRE_NEED_GOLDEN(folder, "speech_features");
  const auto cases = nlohmann::json::parse(slurp(folder / "cases.json"));
  for (const auto& c : cases.at("averaging_cases")) {
    const std::vector<std::int64_t> durations_P = c["durations"];
    const std::vector<double> values_F = c["values"];
    auto near = [&](const std::string& name, const std::vector<double>& got) {
      EXPECT_LE(largest_difference(got, c[name].get<std::vector<double>>()), 1e-12) << c["name"] << " " << name;
    };
    const auto smooth = interpolate_unvoiced(values_F);
    near("pitch_interp_and_average",
         average_by_duration(std::span<const double>(smooth), durations_P, Averaging::in_place));
    near("energy_average", average_by_duration(std::span<const double>(values_F), durations_P, Averaging::in_place));
  }
  EXPECT_GE(cases.at("averaging_cases").size(), 3u);
}

TEST(Averages, ExactByDefault) {
  const std::vector<double> values_F{5, 100, 0, 120, 0};
  const std::vector<std::int64_t> durations_P{0, 0, 3, 2};
  EXPECT_EQ(average_by_duration(std::span<const double>(values_F), durations_P), (std::vector<double>{0, 0, 35, 60}));
  const std::vector<std::int64_t> over{2, 2, 9}, many{1, 1, 1, 1, 1, 0}, negative{2, -1};
  EXPECT_EQ(average_by_duration(std::span<const double>(values_F), over), (std::vector<double>{52.5, 60, 0}));
  EXPECT_EQ(average_by_duration(std::span<const double>(values_F), many).size(), 6u);
  EXPECT_THROW(average_by_duration(std::span<const double>(values_F), many, Averaging::in_place), DataError);
  EXPECT_THROW(average_by_duration(std::span<const double>(values_F), negative), DataError);
}

TEST(Averages, OutliersEqualGoldenCases) {
  TIMBRE_NEED_GOLDEN(folder, "speech_features");
  const auto cases = nlohmann::json::parse(slurp(folder / "cases.json"));
  for (const auto& c : cases.at("remove_outlier_cases")) {
    const std::vector<double> values = c["values"];
    EXPECT_EQ(remove_outliers(values), c["kept"].get<std::vector<double>>());
    EXPECT_NEAR(percentile(values, 25), c["p25"].get<double>(), 1e-9);
    EXPECT_NEAR(percentile(values, 75), c["p75"].get<double>(), 1e-9);
  }
  EXPECT_GE(cases.at("remove_outlier_cases").size(), 5u);
}

TEST(RunningStats, AddsUpLikeOnePass) {
  const std::vector<double> all{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};
  RunningStats one, parts, first, second;
  one.add(all);
  parts.add(std::span(all).first(3));
  parts.add({});
  parts.add(std::span(all).subspan(3));
  first.add(std::span(all).first(7));
  second.add(std::span(all).subspan(7));
  first.merge(second);
  for (const RunningStats& s : {one, parts, first}) {
    EXPECT_EQ(s.count(), 11);
    EXPECT_NEAR(s.mean(), 4.0, 1e-12);
    EXPECT_NEAR(s.standard_deviation(), std::sqrt(56.0 / 11), 1e-12);  // population
    EXPECT_EQ(s.smallest(), 1);
    EXPECT_EQ(s.largest(), 9);
  }
  RunningStats flat;
  flat.add(std::vector<double>(5, 7.3));
  EXPECT_EQ(flat.standard_deviation(), 1.0);
}

TEST(Timebase, WorkedTable) {
  EXPECT_EQ(seconds_to_frames(0.0, 22050, 256), 0);
  EXPECT_EQ(seconds_to_frames(0.1, 22050, 256), 9);
  EXPECT_EQ(seconds_to_frames(2.28, 22050, 256), 196);
  EXPECT_EQ(duration_frames(0.1, 2.28, 22050, 256), 187);
  EXPECT_EQ(seconds_to_samples(2.28, 22050), 50273);
  EXPECT_EQ(seconds_to_samples(0.1, 22050), 2205);
  EXPECT_EQ(round_half_even(74.5), 74);
  EXPECT_EQ(round_half_even(75.5), 76);
  EXPECT_EQ(round_half_even(-0.5), 0);
  EXPECT_EQ(round_half_even(-1.5), -2);
  // 16 kHz, hop 256: 8 ms is half a frame, 24 ms one and a half.
  EXPECT_EQ(seconds_to_frames(0.008, 16000, 256), 0);
  EXPECT_EQ(seconds_to_frames(0.024, 16000, 256), 2);
  EXPECT_DOUBLE_EQ(frames_to_seconds(125, 16000, 256), 2.0);
  EXPECT_DOUBLE_EQ(samples_to_seconds(8000, 16000), 0.5);
}

TEST(Timebase, DurationsOfNeighboursAddUp) {
  double edge = 0;
  std::int64_t sum = 0;
  for (int i = 0; i < 1000; ++i) {
    const double next = edge + 0.0137 + 0.00001 * i;
    sum += duration_frames(edge, next, 22050, 256);
    edge = next;
  }
  EXPECT_EQ(sum, seconds_to_frames(edge, 22050, 256));
}

}  // namespace
}  // namespace timbre::audio
