#include "text/syllables.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "base/json.h"
#include "support/golden.h"
#include "text/phonemes.h"

namespace timbre::text {
namespace {

using testing::ElementsAre;

TEST(Syllables, OfWords) {
  for (const auto& [word, count] : std::vector<std::pair<std::string, int>>{
           {"hello", 2},    {"world", 1},     {"the", 1},    {"create", 2}, {"created", 2}, {"late", 1},
           {"times", 2},    {"syllables", 3}, {"people", 2}, {"rhythm", 1}, {"idea", 2},    {"dont", 1},
           {"made", 1},     {"MADE", 2},      {"Made", 1},   {"queue", 1},  {"age", 2},     {"mcdonald", 4},
           {"business", 3}, {"being", 1},     {"b", 1},      {"", 0},       {"42", 0},      {"4b", 1}})
    EXPECT_EQ(estimate_syllables(word), count) << word;
}

TEST(Syllables, CaptionsAreReadAsTheReferenceReadsThem) {
  EXPECT_EQ(letters_and_blanks("  Don't \t stop — at 12:45,\u3000na\u00EFve one! "), "Dont stop at nave one");
  EXPECT_EQ(syllables_of_caption("Please don't forget to close the heavy gate."), 12);
  EXPECT_EQ(syllables_of_caption("1 2 3 4 5 6"), 0);
  EXPECT_EQ(syllables_of_caption("今天天气很好"), 0);
  EXPECT_THAT(split_blanks(" a\u00A0b\n\u2003c’d "), ElementsAre("a", "b", "c’d"));
  EXPECT_THAT(split_blanks(""), ElementsAre());
}

TEST(Syllables, AgreeWithThePackage) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "llasa_data");
  const auto cases = read_json(folder / "cases.json");
  const auto words = cases.at("syllable_estimates").get<std::map<std::string, std::int64_t>>();
  std::size_t same = 0;
  for (const auto& [word, count] : words) same += estimate_syllables(word) == count;
  EXPECT_GT(static_cast<double>(same), 0.99 * static_cast<double>(words.size()));
}

TEST(Syllables, NucleiAreVowelsAndSyllabicConsonants) {
  EXPECT_EQ(count_nuclei({"h", "ə", "l", "ˈoʊ"}), 2);
  EXPECT_EQ(count_nuclei({"v", "l̩", "t", "ʃ"}), 1);  // Czech vlč-
  EXPECT_EQ(count_nuclei({"sil", "sp"}), 0);
}

TEST(Syllables, OfOtherLanguagesByTheirVowels) {
  const auto count = [](const std::string& front_end, const std::string& text) {
    return count_nuclei(make_front_end(front_end)->phonemize(text).phones);
  };
  EXPECT_EQ(count("espeak:es", "buenos días"), 4);
  EXPECT_EQ(count("espeak:it", "pronto, chi parla?"), 5);
  EXPECT_EQ(count("espeak:fr-fr", "bonjour madame"), 4);
  EXPECT_EQ(count("espeak:ru", "добрый день"), 3);
  EXPECT_EQ(count("espeak:en-us", "times of making"), 4);
}

}  // namespace
}  // namespace timbre::text
