#include "text/markup.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace timbre::text {
namespace {

TEST(Markup, PausesAndPhones) {
  Marked m = parse_markup("Say [tomato](/təˈmeɪtoʊ/) [pause:1.5s][pause:300ms]now [sic] [a](b) (x)");
  EXPECT_EQ(m.plain, "Say tomato now [sic] [a](b) (x)");
  ASSERT_EQ(m.spoken.size(), 1u);
  EXPECT_EQ(m.plain.substr(m.spoken[0].begin, m.spoken[0].end - m.spoken[0].begin), "tomato");
  EXPECT_EQ(m.spoken[0].phones, "təˈmeɪtoʊ");
  ASSERT_EQ(m.pauses.size(), 1u);
  EXPECT_EQ(m.pauses[0].at, 11u);
  EXPECT_DOUBLE_EQ(m.pauses[0].seconds, 1.8);
}

void expect_error(std::string_view text, std::string_view part) {
  try {
    parse_markup(text);
    ADD_FAILURE() << "no error for " << text;
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    EXPECT_FALSE(e.next().empty());
  }
}

TEST(Markup, MalformedIsNamedWithItsPlace) {
  expect_error("one\nétwo [pause:1.5", "line 2, column 6: '[pause:' is not closed");
  expect_error("[pause:1.5]", "line 1, column 1: '[pause:1.5]' has no length");
  expect_error("[pause:-1s]", "has no length");
  expect_error("[pause:s]", "has no length");
  expect_error("[pause:1.2.3s]", "has no length");
  expect_error("[pause:61s]", "61 s is too long");
  expect_error("a [b](/c", "line 1, column 3: '[b](/' does not end in '/)'");
  expect_error("[ ](/c/)", "lacks its word");
  expect_error("[b](/ /)", "lacks its phones");
}

TEST(Markup, SpeedsAreTagsWhereTheyAreAskedFor) {
  const Marked marked = parse_markup("Hello <slow>there</slow>, <fast></fast>3 < 4 <fast>now</fast>", Tags::speeds);
  EXPECT_EQ(marked.plain, "Hello there, 3 < 4 now");
  EXPECT_EQ(marked.speeds, (std::vector<SpeedSpan>{{6, 11, "slow"}, {19, 22, "fast"}}));
  EXPECT_EQ(parse_markup("a <slow>b</slow>").plain, "a <slow>b</slow>");
  const auto refuses = [](std::string_view text, const std::string& what) {
    try {
      parse_markup(text, Tags::speeds);
      ADD_FAILURE() << text;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    }
  };
  refuses("a\nb <quick>c</quick>", "line 2, column 3: '<quick>' is no markup");
  refuses("<slow>a", "line 1, column 1: '<slow>' is not closed");
  refuses("<slow>a <fast>b</fast></slow>", "'<fast>' begins inside of <slow>");
  refuses("a</fast>", "'</fast>' closes no <fast>");
}

TEST(SpeechPlan, SpeedsGoWithTheirSentences) {
  const auto plan = plan_speech("One <slow>two. Three</slow> four.", {}, Tags::speeds);
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].speeds, (std::vector<SpeedSpan>{{4, 8, "slow"}}));
  EXPECT_EQ(plan[1].speeds, (std::vector<SpeedSpan>{{0, 5, "slow"}}));
}

TEST(SpeechPlan, OrAllInOneGo) {
  const auto plan = one_piece("One. <slow>Two. Three.</slow>", Tags::speeds);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].text, "One. Two. Three.");
  EXPECT_EQ(plan[0].speeds, (std::vector<SpeedSpan>{{5, 16, "slow"}}));
  EXPECT_THROW(one_piece("One. [pause:1s] Two."), UsageError);
  EXPECT_TRUE(one_piece(" \n").empty());
}

TEST(SpeechPlan, PiecesPausesOffsets) {
  auto plan = plan_speech("[pause:200ms]First. Second [the U.S. way](/ðə/) goes[pause:1s] on. Third.[pause:2s]");
  ASSERT_EQ(plan.size(), 5u);
  EXPECT_EQ(plan[0].text, "");
  EXPECT_DOUBLE_EQ(plan[0].pause_after_s, 0.2);
  EXPECT_EQ(plan[1].text, "First.");
  EXPECT_EQ(plan[2].text, "Second the U.S. way goes");
  ASSERT_EQ(plan[2].spoken.size(), 1u);
  EXPECT_EQ(plan[2].text.substr(plan[2].spoken[0].begin, plan[2].spoken[0].end - plan[2].spoken[0].begin),
            "the U.S. way");
  EXPECT_FALSE(plan[2].ends_sentence);
  EXPECT_DOUBLE_EQ(plan[2].pause_after_s, 1);
  EXPECT_EQ(plan[3].text, "on.");
  EXPECT_TRUE(plan[3].ends_sentence);
  EXPECT_DOUBLE_EQ(plan[4].pause_after_s, 2);
  EXPECT_TRUE(plan_speech("").empty());
}

}  // namespace
}  // namespace timbre::text
