#include "text/spoken.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/strings.h"
#include "text/letters.h"
#include "text/normalize.h"
#include "text/number_rules.h"
#include "text/probe.h"
#include "text/spoken_language.h"

namespace timbre::text {
namespace {

struct Case {
  std::string where, written, said;
};

/// tests/text/<language>.tsv: written by hand, one case a line.
std::vector<Case> cases_of(const std::string& language) {
  const std::string file = "tests/text/" + language + ".tsv";
  std::vector<Case> cases;
  std::size_t number = 0;
  for (const std::string& line : split(read_file(file), '\n')) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    const auto fields = split(line, '\t');
    EXPECT_EQ(fields.size(), 2u) << file << ":" << number;
    if (fields.size() == 2) cases.push_back({file + ":" + std::to_string(number), fields[0], fields[1]});
  }
  return cases;
}

std::string normalized(const std::string& text, const std::string& language) {
  std::vector<std::string> warnings;
  return normalize_for_speech(text, language, warnings);
}

bool has_digit(std::string_view text) { return text.find_first_of("0123456789") != std::string_view::npos; }

class SpokenTables : public testing::TestWithParam<std::string> {};

TEST_P(SpokenTables, EveryLineIsReadAsWrittenThere) {
  const auto cases = cases_of(GetParam());
  EXPECT_GE(cases.size(), GetParam() == "en" ? 200u : 100u);
  for (const Case& one : cases) EXPECT_EQ(normalized(one.written, GetParam()), one.said) << one.where;
}

TEST_P(SpokenTables, WhatIsReadStaysAsItIs) {
  for (const Case& one : cases_of(GetParam())) EXPECT_EQ(normalized(one.said, GetParam()), one.said) << one.where;
}

TEST_P(SpokenTables, NoDigitIsLeftOfAnything) {
  const std::string signs = "0123456789012345678901234567890123456789 .,:/-–%$€£°x+()#½kmghUhr. а в г 年月元个\n";
  const std::u32string pieces = to_code_points(signs);
  Philox random(11, 0);
  for (int i = 0; i < 3000; ++i) {
    std::u32string text;
    const int length = 1 + static_cast<int>(random.uniform() * 24);
    for (int k = 0; k < length; ++k)
      text += pieces[static_cast<std::size_t>(random.uniform() * static_cast<double>(pieces.size()))];
    const std::string said = normalized(to_utf8(text), GetParam());
    ASSERT_FALSE(has_digit(said)) << to_utf8(text) << " → " << said;
    ASSERT_TRUE(is_valid_utf8(said)) << to_utf8(text);
  }
}

/// A change of what the rules make asks for a new version: voices and columns tell it by the version.
TEST_P(SpokenTables, TheVersionGoesWithWhatTheRulesMake) {
  std::string made;
  for (const Case& one : cases_of(GetParam())) made += normalized(one.written, GetParam()) + "\n";
  for (const std::string& sentence : probe_sentences(GetParam())) made += normalized(sentence, GetParam()) + "\n";
  constexpr std::size_t kShown = 12;
  const std::string now = rules_version(GetParam()) + "\t" + hash_hex(made).substr(0, kShown);
  EXPECT_THAT(split(read_file("tests/text/versions.txt"), '\n'), testing::Contains(now))
      << "What the rules of " << GetParam() << " make has changed: raise .version in src/text/languages/" << GetParam()
      << ".cpp and put the line above into tests/text/versions.txt in place of the old one";
}

INSTANTIATE_TEST_SUITE_P(Languages, SpokenTables, testing::ValuesIn(spoken_languages()),
                         [](const auto& one) { return one.param; });

TEST(Spoken, LanguagesByTheirCodeAlone) {
  EXPECT_EQ(speak_out("5 kg", "en-gb"), "five kilograms");
  EXPECT_EQ(speak_out("5 kg", "pl"), "5 kg");
  EXPECT_EQ(rules_version("pl"), "");
  EXPECT_THAT(rules_version("de-at"), testing::StartsWith("de-"));
}

TEST(Spoken, AsItWasWhenNothingIsAsked) {
  std::vector<std::string> warnings;
  EXPECT_EQ(normalize_for_speech("5 kg", "en", warnings, kNoNormalization), "5 kg");
}

TEST(NumberRules, SetsBracketsAndForms) {
  const auto plural = [](std::uint64_t n) { return n == 1 ? 0 : 1; };
  const NumberRules rules(
      "0 nil\n1 one\n2 two\n3 three\n10 ten[+>>]\n20 <<ten[+>x>]\n100 << {hundred/hundreds}[ >>]\n"
      "%x\n1 uno\n%%y\n0 '\n1 ' and ==",
      plural);
  EXPECT_EQ(rules.say(0), "nil");
  EXPECT_EQ(rules.say(13), "ten+three");
  EXPECT_EQ(rules.say(21), "twoten+uno");
  EXPECT_EQ(rules.say(22), "twoten+two") << "what a set lacks comes from the plain rules";
  EXPECT_EQ(rules.say(100), "one hundred");
  EXPECT_EQ(rules.say(303), "three hundreds three");
  EXPECT_EQ(rules.say(2, "y"), " and two");
  EXPECT_THROW(NumberRules("1 one", plural), std::logic_error);
  EXPECT_THROW(NumberRules("0 nil\n5 <a", plural).say(5), std::logic_error);
  EXPECT_THROW(NumberRules("0 nil\n3 ==", plural).say(3), std::logic_error) << "a rule that calls itself";
}

}  // namespace
}  // namespace timbre::text
