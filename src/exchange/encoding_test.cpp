#include "exchange/encoding.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::exchange {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Encoding, MarksAndZeroBytesTellTheUnicodeForms) {
  using namespace std::string_literals;
  EXPECT_EQ(to_utf8_text("\xEF\xBB\xBFhé", "auto"), "hé");
  EXPECT_EQ(to_utf8_text("\xFF\xFE\x16\x4E|\0"s, "auto"), "世|");
  EXPECT_EQ(to_utf8_text("\xFE\xFF\x4E\x16\0|"s, "auto"), "世|");
  EXPECT_EQ(to_utf8_text("\xFF\xFE\0\0\x16\x4E\0\0"s, "auto"), "世");
  EXPECT_EQ(to_utf8_text("a\0|\0b\0\n\0\x16\x4E"s, "auto"), "a|b\n世");
  EXPECT_EQ(to_utf8_text("\0a\0|\0b\0\n\x4E\x16"s, "auto"), "a|b\n世");
  EXPECT_EQ(to_utf8_text("plain, even", "auto"), "plain, even");
}

TEST(Encoding, NamedEncodingsGoThroughIconv) {
  EXPECT_EQ(to_utf8_text("a|\xC4\xE3\xBA\xC3", "gbk"), "a|你好");
  EXPECT_EQ(to_utf8_text("caf\xE9", "latin1"), "café");
  std::string broken = to_utf8_text("\xC4\xE3\xFF\xFF\nok", "gbk");
  EXPECT_FALSE(is_valid_utf8(broken.substr(0, broken.find('\n'))));
  EXPECT_TRUE(broken.ends_with("\nok"));
  EXPECT_FALSE(is_valid_utf8(to_utf8_text("x\xC4", "gbk")));  // half a character at the end
  EXPECT_THROW(check_encoding("klingon-8"), UsageError);
  EXPECT_NO_THROW(check_encoding("gbk"));
}

TEST(Encoding, LinesHaveTheirNumbers) {
  std::vector<std::pair<std::int64_t, std::string>> lines;
  each_line("one\r\n\r\ntwo\rthree\n \nfour", [&](const Line& line) { lines.emplace_back(line.number, line.text); });
  EXPECT_THAT(lines, ElementsAre(Pair(1, "one"), Pair(3, "two"), Pair(4, "three"), Pair(6, "four")));
}

TEST(Encoding, BlanksBetweenHanGo) {
  EXPECT_EQ(close_han("而 对 楼市  成交 OK 啦 ，好 a b"), "而对楼市成交 OK 啦，好 a b");
  EXPECT_EQ(as_one_line(" a\n b\r\n"), "a b");
}

}  // namespace
}  // namespace timbre::exchange
