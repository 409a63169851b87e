#include "text/sentences.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/strings.h"
#include "text/letters.h"

namespace timbre::text {
namespace {

std::vector<std::string> pieces(std::string_view text, SentenceOptions options = {}) {
  std::vector<std::string> out;
  for (const Sentence& s : split_sentences(text, options)) out.emplace_back(text.substr(s.begin, s.end - s.begin));
  return out;
}

using Strings = std::vector<std::string>;

TEST(Sentences, AbbreviationsNumbersInitials) {
  EXPECT_EQ(pieces("Mr. Smith paid $3.50. He left. \"Go!\" he said. J. R. Tolkien wrote."),
            (Strings{"Mr. Smith paid $3.50.", "He left.", "\"Go!\"", "he said.", "J. R. Tolkien wrote."}));
  EXPECT_EQ(pieces("The U.S. Army left the U.S. It was late."),
            (Strings{"The U.S. Army left the U.S.", "It was late."}));
  EXPECT_EQ(pieces("See e.g. Paris, etc. and so on. Well… maybe... Yes?! No."),
            (Strings{"See e.g. Paris, etc. and so on.", "Well… maybe...", "Yes?!", "No."}));
  EXPECT_EQ(pieces("So do I. Then we go (really.) Done"), (Strings{"So do I.", "Then we go (really.)", "Done"}));
  EXPECT_EQ(pieces("El Sr. López vive aquí. ¿Qué tal? ¡Hola!", {.language = "es"}),
            (Strings{"El Sr. López vive aquí.", "¿Qué tal?", "¡Hola!"}));
  EXPECT_EQ(pieces("Das ist z.B. Dr. Müller. Ja.", {.language = "de"}), (Strings{"Das ist z.B. Dr. Müller.", "Ja."}));
}

TEST(Sentences, OtherScripts) {
  EXPECT_EQ(pieces("你好，世界。你好吗？「好。」再见"), (Strings{"你好，世界。", "你好吗？", "「好。」", "再见"}));
  EXPECT_EQ(pieces("नमस्ते। आप कैसे हैं?"), (Strings{"नमस्ते।", "आप कैसे हैं?"}));
  EXPECT_EQ(pieces("كيف حالك؟ بخير."), (Strings{"كيف حالك؟", "بخير."}));
}

TEST(Sentences, NeverEmpty) {
  EXPECT_TRUE(pieces("").empty());
  EXPECT_TRUE(pieces(" ... !? \n\n — ").empty());
  EXPECT_EQ(pieces("Hi. ... !! \n\n ??? There."), (Strings{"Hi. ... !!", "There."}));
  auto two = split_sentences("One line\nstill it.\n\nNext part");
  ASSERT_EQ(two.size(), 2u);
  EXPECT_TRUE(two[0].ends_paragraph);
  EXPECT_TRUE(two[1].ends_paragraph);
}

TEST(Sentences, LongOnesAreCutAtClauses) {
  SentenceOptions options{.language = "en", .max_code_points = 40};
  EXPECT_EQ(pieces("This is a first clause of words, then a second one follows it, and a third", options),
            (Strings{"This is a first clause of words,", "then a second one follows it,", "and a third"}));
  auto cut = split_sentences("aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj kkkk", options);
  ASSERT_EQ(cut.size(), 2u);
  EXPECT_FALSE(cut[0].ends_sentence);
  EXPECT_TRUE(cut[1].ends_sentence);
}

// Whatever the text, no piece is empty or too long, all are in order, and no letter or digit is lost.
TEST(Sentences, PropertiesOnRandomText) {
  const std::u32string alphabet = U"abcABC 019.,;:!?…。！？，\"'()[]—-\n\n  éждя你好😀";
  Philox random(20261121);
  for (int round = 0; round < 300; ++round) {
    std::u32string points;
    for (std::uint64_t n = random.below(round < 290 ? 200 : 10000); n > 0; --n)
      points += alphabet[random.below(alphabet.size())];
    std::string text = to_utf8(points);
    SentenceOptions options{.language = "en", .max_code_points = 60};
    std::size_t at = 0, kept = 0, all = 0;
    auto count = [](std::string_view part) {
      std::size_t n = 0;
      for (char32_t c : to_code_points(part)) n += is_letter(c) || is_digit(c);
      return n;
    };
    for (const Sentence& s : split_sentences(text, options)) {
      ASSERT_LE(at, s.begin);
      ASSERT_LT(s.begin, s.end);
      std::string_view piece = std::string_view(text).substr(s.begin, s.end - s.begin);
      ASSERT_TRUE(is_valid_utf8(piece));
      ASSERT_EQ(trim(piece), piece);
      ASSERT_GT(count(piece), 0u);
      kept += count(piece);
      at = s.end;
    }
    all = count(text);
    ASSERT_EQ(kept, all) << text;
  }
}

}  // namespace
}  // namespace timbre::text
