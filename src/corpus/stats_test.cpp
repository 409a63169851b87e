#include "corpus/stats.h"

#include <gmock/gmock.h>

namespace timbre::corpus {
namespace {

using testing::HasSubstr;

TEST(Stats, PercentilesAreNumpysLinearOnes) {
  std::vector<double> values = {1, 2, 4, 8};
  EXPECT_DOUBLE_EQ(percentile(values, 0), 1);
  EXPECT_DOUBLE_EQ(percentile(values, 25), 1.75);
  EXPECT_DOUBLE_EQ(percentile(values, 50), 3);
  EXPECT_DOUBLE_EQ(percentile(values, 99), 7.88);
  EXPECT_DOUBLE_EQ(percentile(values, 100), 8);
  EXPECT_DOUBLE_EQ(percentile(std::vector<double>{5}, 75), 5);
}

TEST(Stats, ClockRoundsSecondsUp) {
  EXPECT_EQ(clock_text(0), "00:00:00");
  EXPECT_EQ(clock_text(1e-10), "00:00:01");
  EXPECT_EQ(clock_text(3661.2), "01:01:02");
  EXPECT_EQ(clock_text(59.5), "00:00:60");
  EXPECT_EQ(clock_text(360000), "100:00:00");
}

Utterance utterance(const char* id, const char* text, const char* speaker, double duration_s, std::int64_t rate_hz) {
  Utterance u;
  u.id = u.audio = id;
  u.text = text;
  u.speaker = speaker;
  u.duration_s = duration_s;
  u.rate_hz = rate_hz;
  u.channels = 1;
  return u;
}

TEST(Stats, CountsByGroup) {
  std::vector<Utterance> all = {utterance("a", "héllo you", "x", 2, 16000),
                                utterance("b", "Hello, you!", "y", 1, 22050),
                                utterance("c", "hello YOU", "x", 4, 16000)};
  all[2].split = "test";
  CorpusStats stats = corpus_stats(all);
  EXPECT_EQ(stats.speakers.at("x").utterances, 2);
  EXPECT_EQ(stats.speakers.at("x").duration_s, 6);
  EXPECT_EQ(stats.speakers.at("x").characters, 18);
  EXPECT_EQ(stats.rates_hz.at(16000), 2);
  EXPECT_EQ(stats.distinct_texts, 2);
  EXPECT_EQ(stats.words.mean, 2);
  EXPECT_EQ(stats.splits.at("test").utterances, 1);
  EXPECT_NEAR(stats.characters_per_s.min, 9.0 / 4, 1e-12);
  EXPECT_THAT(to_text(stats, 1), HasSubstr("… 1 more"));
  EXPECT_EQ(to_json(stats)["duration_s"]["count"], 3);
}

}  // namespace
}  // namespace timbre::corpus
