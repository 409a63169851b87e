#include "text/pinyin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "text/phonemes.h"

namespace timbre::text {
namespace {

std::string shown(std::string_view text, const PinyinStyle& style) {
  std::string out;
  for (const PinyinPart& part : pinyin_initials_finals(text, style))
    out += (out.empty() ? "" : " ") + part.initial + "|" + part.final;
  return out;
}

/// tests/text/pinyin.tsv: what the package pypinyin makes of these texts (make_pinyin.py beside it).
TEST(Pinyin, InitialsAndFinalsAsThePackageSplitsThem) {
  std::size_t cases = 0;
  for (const std::string& line : split(read_file("tests/text/pinyin.tsv"), '\n')) {
    if (line.empty() || line[0] == '#') continue;
    const auto fields = split(line, '\t');
    ASSERT_EQ(fields.size(), 4u) << line;
    ++cases;
    EXPECT_EQ(shown(fields[0], {.strict = true}), fields[1]) << fields[0];
    EXPECT_EQ(shown(fields[0], {.strict = false}), fields[2]) << fields[0];
    EXPECT_EQ(shown(fields[0], {.strict = true, .neutral_five = false, .v_to_u = true}), fields[3]) << fields[0];
  }
  EXPECT_GE(cases, 300u);
}

TEST(Pinyin, OtherTextStaysAsItIs) {
  const auto parts = pinyin_initials_finals("好，ok", {});
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[1].text, "，ok");
}

TEST(PinyinFrontEnd, ClausesPolyphonesFiguresAndHands) {
  const auto read = [](const std::string& name, std::string_view text) {
    return join(make_front_end(name)->phonemize(text).phones, " ");
  };
  EXPECT_EQ(read("pinyin:zh", "银行，有2个。"), "sil y in2 h ang2 sp y ou3 l iang3 g e4 sil");
  EXPECT_EQ(read("pinyin:zh-strict", "银行，有2个。"), "sil in2 h ang2 sp iou3 l iang3 g e4 sil");
  const auto front_end = make_front_end("pinyin:zh");
  const Spoken spoken[] = {{0, 3, "hang2"}};
  const Phonemized by_hand = front_end->phonemize("行人", spoken);
  EXPECT_EQ(join(by_hand.phones, " "), "sil h ang2 r en2 sil");
  EXPECT_EQ(by_hand.words, (std::vector<std::string>{"行", "人"}));
  const Spoken wrong[] = {{0, 3, "hang"}};
  EXPECT_THROW(front_end->phonemize("行人", wrong), UsageError);
  const Phonemized mixed = front_end->phonemize("我用ok说");
  EXPECT_EQ(join(mixed.phones, " "), "sil w o3 y ong4 sh uo1 sil");
  EXPECT_THAT(mixed.warnings, testing::Contains(testing::HasSubstr("ok")));
  EXPECT_EQ(front_end->plainer("ang2"), "ang5");
  EXPECT_EQ(front_end->plainer("ang5"), "");
}

}  // namespace
}  // namespace timbre::text
