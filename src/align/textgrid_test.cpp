#include "align/textgrid.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "support/golden.h"

namespace timbre::align {
namespace {

using testing::HasSubstr;

const char* const kShort =
    "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\n0\n1.5\n<exists>\n2\n"
    "\"IntervalTier\"\n\"phones\"\n0\n1.5\n3\n0\n0.25\n\"\"\n0.25\n1\n\"a \"\"b\"\"\"\n1\n1.5\n\"ɪ\"\n"
    "\"TextTier\"\n\"events\"\n0\n1.5\n2\n0.5\n\"click\"\n1.25\n\"\"\n";

TextGrid sample() {
  TextGrid grid{.start_s = 0, .end_s = 1.5};
  grid.tiers.push_back({.name = "phones",
                        .start_s = 0,
                        .end_s = 1.5,
                        .intervals = {{0, 0.25, ""}, {0.25, 1, "a \"b\""}, {1, 1.5, "ɪ"}}});
  grid.tiers.push_back(
      {.name = "events", .start_s = 0, .end_s = 1.5, .of_points = true, .points = {{0.5, "click"}, {1.25, ""}}});
  return grid;
}

void expect_sample(const TextGrid& grid) {
  const TextGrid want = sample();
  EXPECT_EQ(grid.end_s, want.end_s);
  ASSERT_EQ(grid.tiers.size(), 2u);
  for (std::size_t k = 0; k < 2; ++k) {
    EXPECT_EQ(grid.tiers[k].name, want.tiers[k].name);
    EXPECT_EQ(grid.tiers[k].of_points, want.tiers[k].of_points);
    EXPECT_EQ(grid.tiers[k].intervals, want.tiers[k].intervals);
    EXPECT_EQ(grid.tiers[k].points, want.tiers[k].points);
  }
}

std::string utf16(const std::string& utf8, bool big_endian, bool mark) {
  std::string out;
  const auto put = [&](unsigned unit) {
    const char high = static_cast<char>(unit >> 8), low = static_cast<char>(unit & 0xFF);
    out += big_endian ? high : low;
    out += big_endian ? low : high;
  };
  if (mark) put(0xFEFF);
  for (const char32_t c : to_code_points(utf8)) put(static_cast<unsigned>(c));
  return out;
}

std::string error_of(const std::string& text) {
  try {
    parse_textgrid(text, "x.TextGrid");
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(TextGrid, ReadsShortAndLongForms) {
  expect_sample(parse_textgrid(kShort, "short"));
  expect_sample(parse_textgrid(format_textgrid(sample()), "long"));
}

TEST(TextGrid, GoesByTheOrderOfValuesNotByIndentation) {
  std::string text = format_textgrid(sample());
  std::string flat;
  for (const auto& line : split(text, '\n')) flat += std::string(trim(line)) + " ! 7 \"comment\"\r\n";
  expect_sample(parse_textgrid(flat, "flat"));
}

TEST(TextGrid, ReadsEveryEncodingPraatWrites) {
  expect_sample(parse_textgrid(std::string("\xEF\xBB\xBF") + kShort, "utf-8 with mark"));
  for (const bool big : {false, true})
    for (const bool mark : {false, true})
      expect_sample(parse_textgrid(utf16(kShort, big, mark), fmt::format("utf-16 {} {}", big, mark)));
  EXPECT_THAT(error_of(std::string(kShort) + "\"\xE9\""), HasSubstr("neither UTF-8 nor UTF-16"));
}

TEST(TextGrid, WritesAsMfaDoes) {
  const std::string text = format_textgrid(sample());
  EXPECT_THAT(text, HasSubstr("File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0 \nxmax = 1.5 "
                              "\ntiers? <exists> \nsize = 2 \nitem []: \n"));
  EXPECT_THAT(text, HasSubstr("    item [1]:\n        class = \"IntervalTier\" \n        name = \"phones\" \n"));
  EXPECT_THAT(text, HasSubstr("        intervals [2]:\n            xmin = 0.25 \n            xmax = 1 \n            "
                              "text = \"a \"\"b\"\"\" \n"));
}

TEST(TextGrid, FillsGapsAndFindsTiersOfSpeakers) {
  Tier tier{.name = "Ann - phones", .start_s = 0, .end_s = 2, .intervals = {{0.5, 1, "a"}, {1, 1.25, "b"}}};
  fill_gaps(tier, "sp");
  EXPECT_EQ(tier.intervals, (std::vector<Interval>{{0, 0.5, "sp"}, {0.5, 1, "a"}, {1, 1.25, "b"}, {1.25, 2, "sp"}}));
  TextGrid grid;
  grid.tiers.push_back(tier);
  ASSERT_NE(grid.find("phones"), nullptr);
  EXPECT_EQ(grid.find("words"), nullptr);
}

TEST(TextGrid, BrokenFilesSayWhereAndWhat) {
  const std::string text = kShort;
  for (std::size_t cut = 1; cut + 2 < text.size(); cut += 3)
    EXPECT_NE(error_of(text.substr(0, text.size() - 2 - cut)), "no error") << cut;
  EXPECT_THAT(error_of(text.substr(0, 60)), HasSubstr("the file ends where"));
  std::string many = text;
  many.replace(many.find("\n3\n"), 3, "\n3000000000\n");
  EXPECT_THAT(error_of(many), HasSubstr("more than the file holds"));
  std::string back = text;
  back.replace(back.find("0.25\n1\n"), 7, "0.9\n0.5\n");
  EXPECT_THAT(error_of(back), HasSubstr("interval 2 of tier \"phones\""));
  EXPECT_THAT(error_of("File type = \"ooTextFile\"\nObject class = \"Pitch 1\"\n"),
              HasSubstr("line 2: object class \"Pitch 1\""));
  std::string infinite = text;
  infinite.replace(infinite.find("\n1.5\n"), 5, "\ninf\n");
  EXPECT_NE(error_of(infinite), "no error");
}

TEST(TextGrid, ReadsTheReferenceFiles) {
  TIMBRE_GOLDEN_OR_SKIP(golden, "aligner");
  for (const auto& entry : std::filesystem::directory_iterator(golden / "textgrid")) {
    const TextGrid grid = read_textgrid(entry.path());
    ASSERT_NE(grid.find("phones"), nullptr) << entry.path();
    EXPECT_GT(grid.find("phones")->intervals.size(), 10u);
    EXPECT_EQ(format_textgrid(grid), read_file(entry.path())) << entry.path();
  }
}

}  // namespace
}  // namespace timbre::align
