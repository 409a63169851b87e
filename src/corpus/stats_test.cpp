#include "corpus/stats.h"

#include <gmock/gmock.h>

#include "base/files.h"
#include "base/strings.h"
#include "support/golden.h"

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

/// The cells of a drawn table, row by row.
std::vector<std::pair<std::string, std::string>> cells(const std::string& table) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const std::string& line : split(table, '\n')) {
    if (!line.starts_with("│")) continue;
    std::vector<std::string> parts;
    std::string rest = line;
    for (std::size_t at; (at = rest.find("│")) != std::string::npos; rest = rest.substr(at + 3))
      parts.emplace_back(trim(rest.substr(0, at)));
    rows.emplace_back(parts.at(1), parts.at(2));
  }
  return rows;
}

void expect_described(const std::string& cuts, const std::string& table) {
  TIMBRE_GOLDEN_OR_SKIP(path, "valle_data");
  std::vector<double> durations;
  std::int64_t supervisions = 0;
  for (const std::string& line : split(read_file(path / cuts), '\n')) {
    if (trim(line).empty()) continue;
    nlohmann::json cut = nlohmann::json::parse(line);
    durations.push_back(cut["duration"]);
    supervisions += std::int64_t(cut["supervisions"].size());
  }
  std::string want = read_file(path / table);
  want = want.substr(want.find("╒"), want.find("╛") + 3 - want.find("╒"));
  std::string got = describe_table(describe(durations), 0, 0, supervisions ? supervisions : -1);
  EXPECT_EQ(cells(got), cells(want));
  EXPECT_EQ(trim(got), trim(want));
}

TEST(Stats, DurationTableIsLhotsesCellForCell) { expect_described("statistics_cuts.jsonl", "statistics_describe.txt"); }
TEST(Stats, DurationTableOfExtremes) { expect_described("statistics_cuts_odd.jsonl", "statistics_odd_describe.txt"); }

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
