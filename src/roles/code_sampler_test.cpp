#include "roles/code_sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"

namespace timbre::roles {
namespace {

/// How often each index is drawn, of 4,000 draws.
std::map<std::int64_t, int> drawn(const CodeSampling& options, const std::vector<float>& logits) {
  CodeSampler sampler(options);
  std::map<std::int64_t, int> counts;
  for (int i = 0; i < 4000; ++i) ++counts[sampler.draw(logits)];
  return counts;
}

/// Probabilities 0.5, 0.25, 0.15, 0.1.
const std::vector<float> kLogits = {std::log(0.5f), std::log(0.25f), std::log(0.15f), std::log(0.1f)};

TEST(CodeSampler, DrawsAsTheSoftmaxSays) {
  const auto counts = drawn({.seed = 3}, kLogits);
  for (const auto& [index, share] : std::map<std::int64_t, double>{{0, 0.5}, {1, 0.25}, {2, 0.15}, {3, 0.1}})
    EXPECT_NEAR(counts.at(index) / 4000.0, share, 0.03);
}

TEST(CodeSampler, KeepsTheLikeliest) {
  EXPECT_EQ(drawn({.top_k = 1}, kLogits).size(), 1u);
  const auto two = drawn({.top_k = 2}, kLogits);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_NEAR(two.at(0) / 4000.0, 2.0 / 3, 0.03);
  EXPECT_EQ(drawn({.top_k = 2}, {1, 1, 1, 0}).size(), 3u) << "ties with the last are kept";
  // 0.5 alone has not more than 0.6, with 0.25 it has: the second is the last to stay.
  EXPECT_EQ(drawn({.top_p = 0.6}, kLogits).size(), 2u);
  EXPECT_EQ(drawn({.top_p = 0.4}, kLogits).size(), 1u);
}

TEST(CodeSampler, TemperatureSharpensAndFlattens) {
  EXPECT_NEAR(drawn({.temperature = 0.5}, kLogits).at(0) / 4000.0, 0.25 / (0.25 + 0.0625 + 0.0225 + 0.01), 0.03);
  EXPECT_NEAR(drawn({.temperature = 1000}, kLogits).at(3) / 4000.0, 0.25, 0.03);
}

TEST(CodeSampler, SeedsMakeTheDraws) {
  const auto line = [](std::uint64_t seed) {
    CodeSampler sampler({.seed = seed});
    std::vector<std::int64_t> out;
    for (int i = 0; i < 50; ++i) out.push_back(sampler.draw(kLogits));
    return out;
  };
  EXPECT_EQ(line(5), line(5));
  EXPECT_NE(line(5), line(6));
}

TEST(CodeSampler, AddsUpTheLogProbabilitiesOfWhatWasLeftToDraw) {
  CodeSampler two({.top_k = 2, .seed = 3});
  double sum = 0;
  for (int i = 0; i < 20; ++i) sum += std::log(two.draw(kLogits) == 0 ? 2.0 / 3 : 1.0 / 3);
  EXPECT_NEAR(two.log_probability(), sum, 1e-5);
  CodeSampler greedy({.top_k = 1});
  greedy.draw(kLogits);
  EXPECT_EQ(greedy.log_probability(), 0);
}

TEST(CodeSampler, WornCodesAreDrawnAnewFromAll) {
  // Greedy says 0 for ever; once it fills more than a tenth of the last ten, everything may come.
  CodeSampler sampler({.top_k = 1, .repetition_window = 10, .repetition_share = 0.1});
  std::map<std::int64_t, int> counts;
  for (int i = 0; i < 2000; ++i) {
    const std::int64_t code = sampler.draw(kLogits);
    ++counts[code];
    sampler.keep(static_cast<std::int32_t>(code));
  }
  EXPECT_GT(counts[3], 100);
  EXPECT_GT(counts[0], counts[1]);
}

TEST(CodeSampler, FindsLoopsAndNothingElse) {
  const auto begin_of = [](std::vector<std::int32_t> codes, std::int64_t frames) {
    CodeSampler sampler({.loop_frames = frames});
    for (const std::int32_t code : codes) sampler.keep(code);
    return sampler.loops() ? static_cast<std::int64_t>(sampler.loop_begin()) : -1;
  };
  EXPECT_EQ(begin_of({1, 2, 3, 7, 7, 7, 7, 7, 7}, 6), 4) << "one code; its first stays";
  EXPECT_EQ(begin_of({1, 2, 3, 7, 7, 7, 7, 7}, 6), -1) << "not yet";
  EXPECT_EQ(begin_of({9, 1, 2, 3, 1, 2, 3, 1, 2, 3}, 9), 4) << "a cycle of three";
  EXPECT_EQ(begin_of({9, 1, 2, 3, 1, 2, 3, 1, 2, 3}, 0), -1) << "nobody asked";
  EXPECT_EQ(begin_of({1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}, 10), -1) << "said twice is no loop";
  EXPECT_EQ(begin_of({7, 7, 7, 7, 7, 7, 1, 2}, 6), -1) << "it went on";
}

TEST(CodeSampler, RefusesWhatIsNoNumber) {
  CodeSampler sampler({});
  EXPECT_THROW(sampler.draw(std::vector<float>{0, std::nanf("")}), DataError);
  EXPECT_THROW(sampler.draw(std::vector<float>{0, std::numeric_limits<float>::infinity()}), DataError);
}

}  // namespace
}  // namespace timbre::roles
