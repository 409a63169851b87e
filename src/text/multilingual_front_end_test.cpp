#include "text/multilingual_front_end.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/strings.h"
#include "text/espeak.h"
#include "text/language_tag.h"
#include "text/text_options.h"

namespace timbre::text {
namespace {

TEST(LanguageTag, IsReadHoweverItIsWritten) {
  EXPECT_EQ(language_of_tag("en-US"), "en");
  EXPECT_EQ(language_of_tag("PT_br"), "pt");
  EXPECT_EQ(language_of_tag("cmn-Hans"), "zh");
  EXPECT_EQ(language_of_tag(""), "");
  EXPECT_TRUE(same_tag("pt-BR", "pt_br"));
  EXPECT_FALSE(same_tag("pt", "pt-BR"));
  EXPECT_TRUE(tag_fits("en-GB", "en"));
  EXPECT_TRUE(tag_fits("en", "en-US"));
  EXPECT_FALSE(tag_fits("en-GB", "en-US"));
  EXPECT_FALSE(tag_fits("fr", "en"));
}

TEST(FrontEndName, SaysItsLanguages) {
  EXPECT_EQ(languages_of_name("espeak:en-us, fr-fr,it"), (std::vector<std::string>{"en-us", "fr-fr", "it"}));
  EXPECT_EQ(languages_of_name("ming024:mandarin"), (std::vector<std::string>{"zh"}));
  EXPECT_EQ(languages_of_name("arpabet:en"), (std::vector<std::string>{"en"}));
  EXPECT_TRUE(languages_of_name("espeak:auto").empty());
  EXPECT_TRUE(languages_of_name("nonsense").empty());
}

class Multilingual : public testing::Test {
 protected:
  void SetUp() override {
    try {
      espeak_voices();
    } catch (const SystemError& e) {
      if (std::getenv("CI")) FAIL() << e.what();
      GTEST_SKIP() << e.what();
    }
  }
  static std::string read(FrontEnd& front_end, std::string_view text) {
    return join(front_end.phonemize(text).phones, " ");
  }
};

TEST_F(Multilingual, ReadsEachTextAsTheVoiceOfItsLanguageDoes) {
  const auto four = make_front_end("espeak:en-us,fr-fr,it,ru");
  EXPECT_EQ(four->name(), "espeak:en-us,fr-fr,it,ru");
  const struct {
    std::string tag, voice, text;
  } kCases[] = {{"en", "en-us", "She paid 3 cents."},
                {"fr-CA", "fr-fr", "Vous avez 21 messages."},
                {"it", "it", "Sono le 2."},
                {"RU", "ru", "У вас 5 сообщений."}};
  for (const auto& c : kCases) {
    const auto alone = make_front_end("espeak:" + c.voice);
    EXPECT_EQ(read(reader_of(*four, c.tag), c.text), read(*alone, c.text)) << c.tag;
  }
  EXPECT_NE(read(reader_of(*four, "it"), "Sono le 2."), read(reader_of(*four, "fr"), "Sono le 2."));
}

TEST_F(Multilingual, NoLanguageIsTheFirstAndAnUnknownOneIsToldOf) {
  const auto two = make_front_end("espeak:it,en-us");
  EXPECT_EQ(&reader_of(*two, ""), two->readers().front());
  EXPECT_EQ(read(*two, "due"), read(*make_front_end("espeak:it"), "due"));
  try {
    reader_of(*two, "de");
    FAIL() << "nothing was thrown";
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("does not read the language 'de'"), std::string::npos) << e.what();
  }
  // One language alone takes every text as its own: corpora mark languages in many ways, or wrongly.
  const auto one = make_front_end("espeak:it");
  EXPECT_EQ(&reader_of(*one, "de"), one.get());
  EXPECT_EQ(find_reader(*one, "de"), nullptr);
}

TEST_F(Multilingual, RegionsOfOneLanguageGoByTheirTags) {
  const auto both = make_front_end("espeak:en-us,en-gb");
  EXPECT_EQ(reader_of(*both, "en-GB").name(), "espeak:en-gb");
  EXPECT_EQ(reader_of(*both, "en").name(), "espeak:en-us");
  EXPECT_THROW(make_front_end("espeak:it,it"), UsageError);
  EXPECT_THROW(make_front_end("espeak:it,klingon-on"), UsageError);
}

TEST_F(Multilingual, RulesAreThoseOfEachReader) {
  const std::string together = make_front_end("espeak:en-us,it,pl")->rules();
  EXPECT_EQ(together, make_front_end("espeak:en-us")->rules() + ", " + make_front_end("espeak:it")->rules());
  EXPECT_EQ(rules_of("espeak:en-us,it,pl", {}), together);  // what makes a column stale
  EXPECT_EQ(rules_of("espeak:en-us,it", {.normalize = "none", .g2p = ""}), "");
}

TEST_F(Multilingual, AutoTakesTheVoicesOfTheCorpus) {
  EXPECT_EQ(front_end_for_languages({{"en", 3}, {"fr", 9}, {"", 4}, {"tlh-x", 5}}), "espeak:fr-fr,en-us");
  EXPECT_EQ(front_end_for_languages({{"en-GB", 3}, {"pt-BR", 1}}), "espeak:en-gb,pt-br");
  EXPECT_EQ(front_end_for_languages({{"it", 1}, {"it-IT", 1}}), "espeak:it");
  EXPECT_THROW(front_end_for_languages({{"", 7}}), UsageError);
  EXPECT_THROW(make_front_end("espeak:auto"), UsageError);  // nobody but a corpus can say
}

}  // namespace
}  // namespace timbre::text
