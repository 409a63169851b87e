#include "text/phonemizer_front_end.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "text/phonemizer.h"

namespace timbre::text {
namespace {

std::string tokens(const std::string& front_end, const std::string& text) {
  return join(make_front_end(front_end)->phonemize(text).phones, " ");
}

// The sentences of lifeiteng/vall-e's own test, and marks in every place.
TEST(PhonemizerFrontEnd, KeepsMarksWhereTheyStandAndWordsApart) {
  EXPECT_EQ(tokens("phonemizer:en-us", "Mother! dear father! do you hear me?"),
            "m ʌ ð ɚ ! _ d ɪɹ _ f ɑː ð ɚ ! _ d uː _ j uː _ h ɪɹ _ m iː ?");
  EXPECT_EQ(tokens("phonemizer:en-us", "\"No,\" he said — \"never\"…"),
            "\" n oʊ , \" _ h iː _ s ɛ d _ — _ \" n ɛ v ɚ \" …");
  EXPECT_EQ(tokens("phonemizer:en-us", "¿hello? . ."), "¿ h ə l oʊ ? _ . _ .");
  EXPECT_EQ(tokens("phonemizer:en-us", "?! ..."), "? ! _ . . .");
  EXPECT_EQ(tokens("phonemizer:fr-fr", "un week-end"), "œ ̃ _ ( en ) w iː k ɛ n d ( fr )");
}

TEST(PhonemizerFrontEnd, SaysWhichWordEveryTokenBelongsTo) {
  const auto front_end = make_front_end("phonemizer:en-us");
  const Phonemized said = front_end->phonemize("Yes, two words.");
  EXPECT_EQ(said.words, (std::vector<std::string>{"Yes", "two", "words"}));
  EXPECT_EQ(join(said.phones, " "), "j ɛ s , _ t uː _ w ɜː d z .");
  EXPECT_EQ(said.word_of_phone, (std::vector<std::int64_t>{0, 0, 0, -1, -1, 1, 1, -1, 2, 2, 2, 2, -1}));
  EXPECT_TRUE(said.warnings.empty());
  // "of the" is read as one: both words belong to all its tokens
  EXPECT_EQ(front_end->phonemize("of the people").words, std::vector<std::string>{"of the people"});
  EXPECT_EQ(front_end->phonemize("  ").warnings, std::vector<std::string>{"there is nothing to say in this text"});
  EXPECT_EQ(front_end->phonemize("one,\ntwo").warnings.size(), 1u) << "a line end among marks is no token";
  EXPECT_EQ(front_end->policy(), collater_policy());
  const std::vector<Spoken> by_hand = {{2, 6, "ɹ ɛ d"}};
  EXPECT_EQ(join(front_end->phonemize("I read it.", by_hand).phones, " "), "aɪ _ ɹ ɛ d _ ɪ t .");
}

TEST(PypinyinFrontEnd, WritesSyllablesWholeOrInTwo) {
  EXPECT_EQ(tokens("pypinyin:syllables", "你好, WiFi很快。"), "ni3 - hao3 - , _ WiFi - hen3 - kuai4 - 。");
  EXPECT_EQ(tokens("pypinyin:syllables", "今天, 天气"), "jin1 - tian1 , _ tian1 - qi4");
  EXPECT_EQ(tokens("pypinyin:initials_finals", "卡尔普陪外孙玩滑梯。"),
            "k a3 - er3 - p u3 - p ei2 - w ai4 - s un1 - w an2 - h ua2 - t i1");
  EXPECT_EQ(tokens("pypinyin:labelled_initials_finals", "ka2 er2 pu3"), "k a2 - er2 - p u3");
  EXPECT_EQ(tokens("pypinyin:labelled_syllables", "ka2 er2"), "ka2 - er2");
  EXPECT_THROW(tokens("pypinyin:labelled_syllables", "ka2 卡"), DataError);
  const auto said = make_front_end("pypinyin:initials_finals")->phonemize("你好 。好");
  ASSERT_EQ(said.warnings.size(), 1u);
  EXPECT_EQ(said.warnings[0], "left out, as the reference does with what ends in no letter: 。");
}

// pypinyin 0.55 reads these otherwise.
TEST(PypinyinFrontEnd, ReadsAsPypinyin048Did) {
  EXPECT_EQ(join(pypinyin_048("大舅子电子词典金晃晃"), " "), "da4 jiu4 zi3 dian4 zi5 ci2 dian3 jin1 huang4 huang3");
}

TEST(PhonemizerFrontEnd, FrontEndsAreNamedInErrors) {
  EXPECT_THROW(make_front_end("pypinyin:final"), UsageError);
  EXPECT_THROW(make_front_end("phonemizer:xx-none"), UsageError);
  FrontEndOptions options;
  options.user.add("a", "b");
  EXPECT_THROW(make_front_end("pypinyin:syllables", options), UsageError);
}

}  // namespace
}  // namespace timbre::text
