#include "text/normalize.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/letters.h"

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

TEST(Normalization, ByItsName) {
  EXPECT_NO_THROW(check_normalization("none"));
  EXPECT_THROW(check_normalization("word"), UsageError);
}

}  // namespace
}  // namespace timbre::text
