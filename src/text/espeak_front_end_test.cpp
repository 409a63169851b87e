#include "text/espeak_front_end.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "text/probe.h"

namespace timbre::text {
namespace {

class Espeak : public testing::Test {
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

std::string words_and_counts(const Phonemized& p) {
  std::string out;
  for (std::size_t w = 0; w < p.words.size(); ++w)
    out += fmt::format("{}:{} ", p.words[w],
                       std::count(p.word_of_phone.begin(), p.word_of_phone.end(), static_cast<std::int64_t>(w)));
  return out;
}

TEST_F(Espeak, EnglishPhonesPausesAndEdges) {
  auto english = make_front_end("espeak:en-us");
  EXPECT_EQ(english->name(), "espeak:en-us");
  EXPECT_EQ(english->language(), "en");
  EXPECT_EQ(read(*english, "The quick brown fox, church!"), "sil ð ə k w ˈɪ k b ɹ ˈaʊ n f ˈɑː k s sp tʃ ˈɜː tʃ sil");
  EXPECT_EQ(read(*english, "Four bottles — (a fire)"), "sil f ˈɔː ɹ b ˈɑː ɾ ə l z sp ə f ˈaɪ ɚ sil");
  EXPECT_EQ(read(*english, "ok... then"), "sil oʊ k ˈeɪ sp ð ˈɛ n sil");  // nothing of the stops is read
}

TEST_F(Espeak, WordsWhereEspeakJoinsOrSplits) {
  FrontEndOptions figures;
  figures.text.normalize = "none";
  EXPECT_EQ(words_and_counts(make_front_end("espeak:en-us", figures)->phonemize("press 25 or 3.5 of the keys")),
            "press:4 25:9 or:2 3.5:10 of:2 the:2 keys:3 ");
  auto english = make_front_end("espeak:en-us");
  EXPECT_EQ(words_and_counts(english->phonemize("press 25 or 3.5 of the keys")),
            "press:4 twenty-five:9 or:2 three:3 point:4 five:3 of:2 the:2 keys:3 ");
  Phonemized p = english->phonemize("It's well-known, isn't it?");
  EXPECT_EQ(p.words, (std::vector<std::string>{"It's", "well-known", "isn't", "it"}));
  ASSERT_EQ(p.phones.size(), p.word_of_phone.size());
  for (std::size_t i = 0; i < p.phones.size(); ++i)
    EXPECT_EQ(p.word_of_phone[i] == -1, p.phones[i] == "sil" || p.phones[i] == "sp");
}

TEST_F(Espeak, AlignToPartsIsMonotonicAndFindsBorders) {
  std::vector<std::string> joined = {"ɪ", "n", "ð", "ə", "b", "ˈɑː", "k", "s"};
  EXPECT_EQ(align_to_parts(joined, {{"ˈɪ", "n"}, {"ð", "ˈiː"}, {"b", "ˈɑː", "k", "s"}}),
            (std::vector<std::size_t>{0, 0, 1, 1, 2, 2, 2, 2}));
  EXPECT_EQ(align_to_parts({"a", "b"}, {}), (std::vector<std::size_t>{0, 0}));
}

TEST_F(Espeak, GivenPhonesAndUserLexicon) {
  FrontEndOptions options;
  options.user.add("Blorp", "/ˈblɔːɹp/");
  auto english = make_front_end("espeak:en-us", options);
  EXPECT_EQ(read(*english, "The BLORP."), "sil ð ə b l ˈɔː ɹ p sil");
  std::string text = "A tomato ∂ x";
  std::vector<Spoken> spoken = {{2, 8, "təˈmɑːtəʊ"}, {9, 12, "dɛl"}};
  Phonemized p = english->phonemize(text, spoken);
  EXPECT_EQ(join(p.phones, " "), "sil ə t ə m ˈɑː t əʊ d ɛ l ˈɛ k s sil");
  EXPECT_EQ(p.words[1], "tomato");
  spoken[0].phones = "bж";
  EXPECT_THROW(english->phonemize(text, spoken), UsageError);
  options.user.add("bad", "/ж/");
  EXPECT_THROW(make_front_end("espeak:en-us", options), UsageError);
}

TEST_F(Espeak, OtherLanguages) {
  auto read_as = [](const char* voice, std::string_view text) {
    return join(make_front_end(voice)->phonemize(text).phones, " ");
  };
  EXPECT_EQ(read_as("espeak:es", "¡Hola! ¿Qué tal?"), "sil ˈo l a sp k ˈe t ˈa l sil");
  EXPECT_EQ(read_as("espeak:ru", "Привет, мир"), "sil p rʲ i vʲ ˈe t sp mʲ ˈi r sil");
  EXPECT_EQ(read_as("espeak:it", "gli gnocchi"), "sil ʎ ɪ ɲ ˈo kː ɪ sil");
  EXPECT_EQ(read_as("espeak:de", "die Pfütze"), "sil d iː pf ˈy ts ə sil");
  EXPECT_EQ(make_front_end("espeak:fr")->name(), "espeak:fr-fr");
}

TEST_F(Espeak, InventoryOfEnglishIsCompact) {
  auto english = make_front_end("espeak:en-us");
  std::set<std::string> phones;
  for (const std::string& sentence : probe_sentences("en"))
    for (const std::string& phone : english->phonemize(sentence).phones) phones.insert(phone);
  EXPECT_LE(phones.size(), 70u);
  EXPECT_GE(phones.size(), 55u);
}

TEST_F(Espeak, EmptyEmojiForeignScriptMissingVoice) {
  auto english = make_front_end("espeak:en-us");
  for (std::string_view text : {"", "  ", "...", "😀"}) {
    Phonemized p = english->phonemize(text);
    EXPECT_TRUE(p.phones.empty());
    ASSERT_FALSE(p.warnings.empty());
    EXPECT_EQ(p.warnings.back(), "there is nothing to say in this text");
  }
  try {
    english->phonemize("say привет");
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_STREQ(e.what(), "the voice reads 'en-us' and does not know Cyrillic letters: п р и в е т");
  }
  EXPECT_FALSE(english->phonemize("about 5 µm of π").phones.empty());
  try {
    make_front_end("espeak:en-uss");
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("did you mean 'en-us'"), std::string::npos) << e.what();
    EXPECT_NE(e.next().find(" fr-fr "), std::string::npos);
  }
  EXPECT_THROW(make_front_end("espek:en-us"), UsageError);
}

TEST_F(Espeak, TenThousandCharactersWithoutAMark) {
  auto english = make_front_end("espeak:en-us");
  std::string text;
  while (text.size() < 10000) text += "word 25 ";
  Phonemized p = english->phonemize(text);
  EXPECT_EQ(p.words.size(), 2500u);
  EXPECT_EQ(std::count(p.phones.begin(), p.phones.end(), "sp"), 0);
  EXPECT_EQ(std::count(p.phones.begin(), p.phones.end(), "sil"), 2);
  // A given pronunciation of many words is said once, wherever the text is cut.
  std::vector<Spoken> spoken = {{0, 800, "ɑ"}};
  EXPECT_EQ(join(english->phonemize(text.substr(0, 800), spoken).phones, " "), "sil ɑ sil");
}

TEST_F(Espeak, ThreadsShareOneLibrary) {
  std::string first = read(*make_front_end("espeak:en-us"), "One two three."),
              other = read(*make_front_end("espeak:es"), "Uno dos tres.");
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      auto front_end = make_front_end(t % 2 ? "espeak:es" : "espeak:en-us");
      for (int i = 0; i < 50; ++i)
        wrong[t] += read(*front_end, t % 2 ? "Uno dos tres." : "One two three.") != (t % 2 ? other : first);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, (std::vector<int>{0, 0, 0, 0}));
}

TEST_F(Espeak, FingerprintNamesWhatChanged) {
  auto english = make_front_end("espeak:en-us");
  Fingerprint stored = fingerprint(*english);
  ASSERT_EQ(stored.sentences.size(), 200u);
  EXPECT_TRUE(differing_sentences(stored, fingerprint(*english), "en").empty());
  FrontEndOptions options;
  options.user.add("kettle", "/ˈkɛdəl/");
  auto changed = make_front_end("espeak:en-us", options);
  auto differing = differing_sentences(stored, fingerprint(*changed), "en");
  EXPECT_FALSE(differing.empty());
  EXPECT_LT(differing.size(), 20u);
  for (const std::string& sentence : differing) EXPECT_NE(sentence.find("kettle"), std::string::npos) << sentence;
}

// A missing library is found in another process, since this one has loaded it.
TEST(EspeakMissing, SaysWhatToInstall) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // starts the program anew
  EXPECT_EXIT(
      {
        setenv("TIMBRE_ESPEAK", "/nonexistent/libespeak-ng.so.1", 1);
        try {
          make_front_end("espeak:en-us");
        } catch (const SystemError& e) {
          fprintf(stderr, "%s | %s", e.what(), e.next().c_str());
          exit(4);
        }
        exit(0);
      },
      testing::ExitedWithCode(4), "could not be loaded.*sudo apt install libespeak-ng1");
}

TEST(ProbeSentences, TwoHundredDistinctForEachLanguage) {
  for (std::string_view language : {"en", "es", "fr", "it", "de", "ru", "zh", "pt"}) {
    const auto& sentences = probe_sentences(language);
    EXPECT_EQ(sentences.size(), 200u);
    EXPECT_EQ(std::set<std::string>(sentences.begin(), sentences.end()).size(), 200u) << language;
  }
}

TEST(UserLexiconFile, ReadsAndNamesBrokenLines) {
  fs::path file = fs::temp_directory_path() / "timbre_user_lexicon_test.tsv";
  auto write = [&](const std::string& text) { std::ofstream(file) << text; };
  write("# words of ours\nTomato\t/təˈmeɪtoʊ/\r\nÄther\tˈɛː t ɐ\n");
  UserLexicon lexicon = UserLexicon::read(file);
  ASSERT_NE(lexicon.find("tomato"), nullptr);
  EXPECT_EQ(*lexicon.find("TOMATO"), "təˈmeɪtoʊ");
  EXPECT_NE(lexicon.find("äther"), nullptr);
  for (auto [text, part] : {std::pair("a /b/\n", ":1: no tab"),
                            {"x\tb\n\tb\n", ":2: no word"},
                            {"a\t//\n", "no phones"},
                            {"a\tb\nA\tc\n", ":2: this word stands in the lexicon twice"},
                            {"a b\tc\n", "one word"},
                            {"a\t\n", "no phones"}}) {
    write(text);
    try {
      UserLexicon::read(file);
      ADD_FAILURE() << text;
    } catch (const DataError& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  }
  fs::remove(file);
}

TEST(ArpabetFrontEnd, LexiconCmudictGuess) {
  auto front_end = make_front_end("arpabet:en");
  Phonemized p = front_end->phonemize("Hello, world: 21 zyxgrobs!");
  EXPECT_EQ(join(p.phones, " "), "sil HH AH0 L OW1 sp W ER1 L D sp T W EH1 N T IY0 W AO2 N Z IH1 K S B R AO2 G Z sil");
  ASSERT_EQ(p.warnings.size(), 1u);
  EXPECT_EQ(p.warnings[0], "'zyxgrobs' is in no lexicon; its sound is a guess of g2p_en's network");
  EXPECT_EQ(front_end->plainer("AA1"), "AA0");
  EXPECT_EQ(front_end->plainer("AA0"), "AA");
  EXPECT_EQ(front_end->plainer("AA"), "");
  std::vector<Spoken> spoken = {{0, 5, "HH AY1"}};
  EXPECT_EQ(join(front_end->phonemize("Hello you", spoken).phones, " "), "sil HH AY1 Y UW1 sil");
  spoken[0].phones = "həˈloʊ";
  EXPECT_THROW(front_end->phonemize("Hello you", spoken), UsageError);
}

}  // namespace
}  // namespace timbre::text
