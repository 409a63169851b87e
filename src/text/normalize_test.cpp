#include "text/normalize.h"

#include <gtest/gtest.h>

#include "text/letters.h"
#include "text/normalize_english.h"

namespace timbre::text {
namespace {

TEST(CleanUnicode, OneSpellingAndNothingUnspeakable) {
  std::vector<std::string> warnings;
  EXPECT_EQ(clean_unicode("  e\u0301te\u0301\u200b  “q” – ‘it’s’\tＡ１ ﬁn\u00ad ", warnings),
            "été \"q\" – 'it's' A1 fin");
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(clean_unicode("a\n b\n\n c\r\n\r\nd", warnings), "a b\nc\nd");
  EXPECT_EQ(clean_unicode("Hi 👋🏽😀 you\x01 \xff!", warnings), "Hi you !");
  ASSERT_EQ(warnings.size(), 3u);
  EXPECT_EQ(warnings[0], "3 emoji or pictures left out");
  EXPECT_EQ(warnings[1], "1 control characters left out");
  EXPECT_EQ(warnings[2], "1 bytes that are not UTF-8 left out");
}

TEST(Letters, ScriptsOfTheWholeRange) {
  char32_t last = 0;
  for (char32_t c = 1; c < 0x30000; ++c) {
    // Every block lies behind the one before it: a script never swallows the ASCII signs or the gaps.
    if (script_of(c) != Script::none) last = c;
    if (c < 0x80) {
      EXPECT_EQ(is_letter(c), (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) << static_cast<unsigned>(c);
    }
  }
  EXPECT_EQ(last, 0x2FFFFu);
  EXPECT_EQ(script_of(U'ж'), Script::cyrillic);
  EXPECT_EQ(script_of(0x03A2), Script::none);
  EXPECT_EQ(script_of(U'Σ'), Script::greek);
  EXPECT_EQ(script_of(U'한'), Script::hangul);
  EXPECT_EQ(script_of(U'×'), Script::none);
  EXPECT_EQ(to_lower("ÄÖŠЖΩ"), "äöšжω");
}

TEST(NormalizeEnglish, Money) {
  EXPECT_EQ(normalize_english("$3.50"), "3 dollars and 50 cents");
  EXPECT_EQ(normalize_english("it cost $1, or $1,200, or £0.99"), "it cost 1 dollar, or 1200 dollars, or 99 pence");
  EXPECT_EQ(normalize_english("$2.5 million or 30 € each"), "2.5 million dollars or 30 euros each");
  EXPECT_EQ(normalize_english("$ and US$5.00"), "$ and 5 dollars");
}

TEST(NormalizeEnglish, DatesTimesYears) {
  EXPECT_EQ(normalize_english("on 2026-11-21"), "on November twenty-first, twenty twenty-six");
  EXPECT_EQ(normalize_english("7/4/1905."), "July fourth, nineteen oh five.");
  EXPECT_EQ(normalize_english("13/45/2000 or 1/2"), "13/45/2000 or 1/2");
  EXPECT_EQ(normalize_english("3:05 pm, 10:00 and 7:00 a.m. now"), "3 oh 5 P M, 10 o'clock and 7 A M now");
  EXPECT_EQ(normalize_english("in 1999, the 1980s and '60s, 2000s"),
            "in nineteen ninety-nine, the nineteen eighties and sixties, two thousands");
  EXPECT_EQ(normalize_english("3:2 to 25:99"), "3:2 to 25:99");
}

TEST(NormalizeEnglish, SignsUnitsAddresses) {
  EXPECT_EQ(normalize_english("5–7 km at 25°C, 1 kg"), "5 to 7 kilometers at 25 degrees Celsius, 1 kilogram");
  EXPECT_EQ(normalize_english("6 ft. of 12 MB/s"), "6 feet. of 12 megabytes/s");
  EXPECT_EQ(normalize_english("½ cup, 3½ cups"), "one half cup, 3 and a half cups");
  EXPECT_EQ(normalize_english("call 212-555-1234, #5"), "call 2 1 2, 5 5 5, 1 2 3 4, number 5");
  EXPECT_EQ(normalize_english("me@x.org (https://www.a-b.com/c/)."),
            "me at x dot org (www dot a dash b dot com slash c).");
  EXPECT_EQ(normalize_english("R&D, 4x4, COVID-19, 1st, *very* good"), "R and D, 4x4, COVID-19, 1st, very good");
}

TEST(NormalizeEnglish, LongNumbersDigitByDigit) {
  EXPECT_EQ(normalize_english("no. 1234567890123456."), "no. 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6.");
  EXPECT_EQ(normalize_english("123456789012345"), "123456789012345");
}

}  // namespace
}  // namespace timbre::text
