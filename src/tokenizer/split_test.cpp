#include "tokenizer/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace timbre::tokenizer {
namespace {

using testing::ElementsAre;

std::vector<std::string> split(std::string_view text, int digits = 3) {
  Splitter splitter(text, {digits});
  std::vector<std::string> out;
  for (std::string_view stretch = splitter.next(); !stretch.empty(); stretch = splitter.next())
    out.emplace_back(stretch);
  return out;
}

TEST(Split, TakesOneCharacterBeforeLetters) {
  EXPECT_THAT(split("Hello there,my (friend)"), ElementsAre("Hello", " there", ",my", " (", "friend", ")"));
  EXPECT_THAT(split("\tx\u00A0y"), ElementsAre("\tx", "\u00A0y"));
  EXPECT_THAT(split("\nx"), ElementsAre("\n", "x"));
}

TEST(Split, TakesTheFirstAlternativeThatFits) {
  EXPECT_THAT(split("it's IT'S don't 'tis"), ElementsAre("it", "'s", " IT", "'S", " don", "'t", " '", "tis"));
  EXPECT_THAT(split("we'LL've'D'x"), ElementsAre("we", "'LL", "'ve", "'D", "'x"));
  EXPECT_THAT(split("a'\u017Fb"), ElementsAre("a", "'\u017F", "b"));  // long s is an s to (?i:'s)
  EXPECT_THAT(split("'sad"), ElementsAre("'s", "ad"));
  EXPECT_THAT(split("'l 're 'r"), ElementsAre("'l", " '", "re", " '", "r"));
}

TEST(Split, CountsDigits) {
  EXPECT_THAT(split("12345 6"), ElementsAre("123", "45", " ", "6"));
  EXPECT_THAT(split("12 3", 1), ElementsAre("1", "2", " ", "3"));
  EXPECT_THAT(split("\u00BD\u0663\u2167\u4E94"), ElementsAre("\u00BD\u0663\u2167", "\u4E94"));  // No, Nd, Nl; a letter
}

TEST(Split, KeepsNewlinesWithMarks) {
  EXPECT_THAT(split("end.\r\n\n  next"), ElementsAre("end", ".\r\n\n", " ", " next"));
  EXPECT_THAT(split(" ?! \n"), ElementsAre(" ?!", " \n"));
}

TEST(Split, LeavesTheLastBlankToTheWord) {
  EXPECT_THAT(split("a   b"), ElementsAre("a", "  ", " b"));
  EXPECT_THAT(split("a   "), ElementsAre("a", "   "));
  EXPECT_THAT(split("a \n \n b"), ElementsAre("a", " \n \n", " b"));
  EXPECT_THAT(split("a \n  1"), ElementsAre("a", " \n", " ", " ", "1"));
  EXPECT_THAT(split("\u2028 x"), ElementsAre("\u2028", " x"));
  EXPECT_THAT(split(" "), ElementsAre(" "));
}

TEST(Split, CombiningMarksAreNoLetters) {
  EXPECT_THAT(split("e\u0301t"), ElementsAre("e", "\u0301t"));
  EXPECT_THAT(split("\u0301\u0302"), ElementsAre("\u0301\u0302"));
}

TEST(Split, KnowsUnicode16) {
  EXPECT_THAT(split("\U000105C0\U000105F3"), ElementsAre("\U000105C0\U000105F3"));        // Todhri letters, new in 16.0
  EXPECT_THAT(split("\U0001CCF0\U0001CCF9a"), ElementsAre("\U0001CCF0\U0001CCF9", "a"));  // outlined digits
  EXPECT_THAT(split("\U0010FFFD\u200B"), ElementsAre("\U0010FFFD\u200B"));
}

TEST(Split, KnowsPatternsByTheirText) {
  EXPECT_EQ(find_split_pattern(regex_of({3}))->digits, 3);
  EXPECT_EQ(find_split_pattern(regex_of({1}))->digits, 1);
  EXPECT_FALSE(find_split_pattern("\\w+"));
  EXPECT_EQ(
      regex_of({}),
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
}

}  // namespace
}  // namespace timbre::tokenizer
