#include "prepare/speed_classes.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "prepare/speaking_rate.h"

namespace timbre::prepare {
namespace {

using testing::ElementsAre, testing::HasSubstr;

std::vector<RatedClip> clips_of(const std::vector<double>& rates) {
  std::vector<RatedClip> clips;
  for (const double rate : rates) clips.push_back({fmt::format("S_{}", rate), rate});
  return clips;
}

TEST(SpeedClasses, ThresholdsAreStrict) {
  EXPECT_EQ(classify(0.30, 0.30, 0.17), SpeedClass::medium);
  EXPECT_EQ(classify(0.3000001, 0.30, 0.17), SpeedClass::slow);
  EXPECT_EQ(classify(0.17, 0.30, 0.17), SpeedClass::medium);
  EXPECT_EQ(classify(0.1699999, 0.30, 0.17), SpeedClass::fast);
  EXPECT_EQ(classify(10 * 0.03, 0.30, 0.17), SpeedClass::medium);  // 0.3 in double
  EXPECT_EQ(classify(0.1 + 0.2, 0.30, 0.17), SpeedClass::slow);    // 0.30000000000000004
}

TEST(SpeedClasses, ASpeakerNeedsThreeOfEach) {
  const SpeedRules rules;
  EXPECT_EQ(divide_by_speed("S", clips_of({0.4, 0.4, 0.4, 0.1, 0.1, 0.1}), rules).why_not, "");
  EXPECT_EQ(divide_by_speed("S", clips_of({0.4, 0.4, 0.2, 0.1, 0.1, 0.1}), rules).why_not,
            "2 slow, at least 3 are asked for");
  EXPECT_EQ(divide_by_speed("S", clips_of({0.4, 0.2, 0.2, 0.2, 0.1, 0.1}), rules).why_not,
            "1 slow and 2 fast, at least 3 are asked for");
  EXPECT_DOUBLE_EQ(divide_by_speed("S", clips_of({0.4, 0.1, 0.2, 0.3}), rules).median_s(), 0.25);
}

TEST(SpeedClasses, QuantilesAreASpeakersOwn) {
  SpeedRules rules;
  rules.classes = "quantiles";
  rules.slow_share = 0.25;
  rules.fast_share = 0.5;
  const auto speeds = divide_by_speed("S", clips_of({0.50, 0.51, 0.52, 0.53, 0.60}), rules);
  EXPECT_DOUBLE_EQ(speeds.slow_s, 0.53);  // numpy.quantile(…, 0.75)
  EXPECT_DOUBLE_EQ(speeds.fast_s, 0.52);
  EXPECT_EQ(speeds.slow.size(), 1u);
  EXPECT_EQ(speeds.fast.size(), 2u);
  EXPECT_EQ(speeds.medium.size(), 2u);
}

TEST(SpeedClasses, ListsComeBack) {
  const fs::path folder = fs::temp_directory_path() / "timbre_speed_lists";
  fs::remove_all(folder);
  write_speed_lists(folder, {"Zoë O'Hara", {"a_1"}, {"b_1", "b.2"}, {}});
  write_speed_lists(folder, {"Kim", {}, {}, {"c_1"}});
  EXPECT_EQ(read_file(folder / "Zoë O'Hara" / "medium.txt"), "b_1.wav\nb.2.wav\n");
  EXPECT_EQ(read_file(folder / "Kim" / "medium.txt"), "");
  write_file_atomic(folder / "notes.txt", "not a speaker");
  write_file_atomic(folder / "Kim" / "other.txt", "not a list");
  const auto lists = read_speed_lists(folder);
  ASSERT_EQ(lists.size(), 2u);
  EXPECT_EQ(lists[0].speaker, "Kim");
  EXPECT_THAT(lists[0].fast, ElementsAre("c_1"));
  EXPECT_THAT(lists[1].medium, ElementsAre("b_1", "b.2"));
  fs::remove(folder / "Kim" / "slow.txt");
  EXPECT_THROW(read_speed_lists(folder), DataError);
  for (const char* name : {"", ".", "..", "a/b"})
    EXPECT_THROW(write_speed_lists(folder, {name, {}, {}, {}}), DataError);
  fs::remove_all(folder);
  EXPECT_THROW(read_speed_lists(folder), DataError);
}

TEST(SpeedClasses, TheSpeakerStandsBeforeTheFirstUnderscore) {
  EXPECT_EQ(speaker_in_name("Aria_Battle_004"), "Aria");
  EXPECT_EQ(speaker_in_name("solo"), "solo");
  EXPECT_EQ(speaker_in_name("_x"), "");
}

TEST(SpeakingRate, MethodsByLanguage) {
  EXPECT_EQ(SyllableCounter(SyllableRule::automatic).method("en-US"), "letters");
  EXPECT_EQ(SyllableCounter(SyllableRule::automatic).method(""), "letters");
  EXPECT_EQ(SyllableCounter(SyllableRule::automatic).method("fr-CA"), "espeak:fr-fr");
  EXPECT_EQ(SyllableCounter(SyllableRule::phones).method(""), "espeak:en-us");
  EXPECT_EQ(SyllableCounter(SyllableRule::letters).method("ru"), "letters");
  EXPECT_THROW(SyllableCounter(SyllableRule::automatic).method("xx"), UsageError);
  EXPECT_EQ(SyllableCounter(SyllableRule::automatic).count("ну вот и всё", "ru"), 4);
  EXPECT_EQ(SyllableCounter(SyllableRule::automatic).count("times two", "en"), 3);  // as the reference estimates
  EXPECT_EQ(SyllableCounter(SyllableRule::phones).count("times two", "en"), 2);
}

TEST(SpeakingRate, VoiceIsCountedInWholeFrames) {
  const fs::path clip = "tests/golden/aligner/clips/conf-getpin.wav";
  const double voiced_s = voiced_seconds(clip);
  EXPECT_NEAR(voiced_s / 0.03, std::round(voiced_s / 0.03), 1e-9);
  EXPECT_GT(voiced_s, 1);
  EXPECT_EQ(count_words(" six  words are just\u00A0enough here. "), 6);
}

}  // namespace
}  // namespace timbre::prepare
