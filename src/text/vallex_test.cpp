#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "text/bpe_symbols.h"
#include "text/eng_to_ipa.h"
#include "text/vallex_cleaners.h"
#include "text/vallex_front_end.h"
#include "text/vallex_sentences.h"

namespace timbre::text {
namespace {

std::string english(const std::string& text) {
  std::vector<std::string> unknown;
  return vallex_english(text, unknown);
}

TEST(Vallex, EnglishIsReadByTheOlderDictionaryWithItsOwnStress) {
  EXPECT_EQ(english("Dr. Lee lives on St. John's Ave., doesn't she?"),
            "ˈdɔktəɹ li lɪvz ɔn seɪnt dʒɑnz ˈɑˌveɪ., ˈdəzənt ʃi?");
  EXPECT_EQ(english("A little bottle will all fall."), "ə ˈlɪtəɫ ˈbɑtəɫ wɪɫ ɔɫ fɔɫ.");
  EXPECT_EQ(english("\"Quoted,\" he said (softly)..."), "\"kˈwoʊtɪd,\" hi sɛd (ˈsɔftli)…");
  std::vector<std::string> unknown;
  EXPECT_EQ(vallex_english("a xyzzyq -", unknown), "ə xyzzyq* ");
  EXPECT_EQ(unknown, std::vector<std::string>{"xyzzyq"});
  EXPECT_EQ(vallex_english_words("$0.01 and 3.5 in 1999"), "one cent and three point five in nineteen ninety-nine");
}

TEST(Vallex, ChineseNumbersAndBopomofo) {
  EXPECT_EQ(vallex_number_to_chinese("12345人 3.50 2023年 10010 007 0 15"),
            "一万二千三百四十五人 三点五零 二千零二十三年 一万零一十 七 零 十五");
  EXPECT_THROW(vallex_number_to_chinese("12345678901234567"), DataError);
  EXPECT_EQ(vallex_bopomofo("你好：绿"), "ㄋㄧˇㄏㄠˇ， ㄌㄩˋ");
  EXPECT_EQ(vallex_chinese_ipa("ㄕˊㄙˋㄍㄜˋ hi ㄗ˙"), "s`ɹ`↑sɹ↓k⁼ə↓ ɛ↓↑tʃʰɥ↓aɪ↓ ts⁼ɹ");
}

TEST(Vallex, JapaneseFromRomaji) {
  EXPECT_EQ(vallex_japanese_ipa("ʧo↓Qto ma↓Qte ku↑dasa↓i."), "tʃo↓t#to ma↓t#te kɯ↑dasa↓i.");
  EXPECT_EQ(vallex_japanese_ipa("ʃi↑NbuNto pa↓N, gi↑Nkoo"), "ʃi↑mbɯnto pa↓N, gi↑ŋkoo");
}

TEST(Vallex, SpansAreClosedAndWhatIsOutsideIsNamed) {
  const VallexText text = vallex_clean("_a [EN]Hello[EN] b [ZH]你好。[ZH]");
  EXPECT_EQ(text.phonemes, "hɛˈloʊ.ni↓↑xɑʊ↓↑.");
  ASSERT_EQ(text.languages.size(), 17u);
  EXPECT_EQ(text.languages[6], "en");
  EXPECT_EQ(text.languages[7], "zh");
  ASSERT_EQ(text.warnings.size(), 1u);
  EXPECT_NE(text.warnings[0].find("_a | b"), std::string::npos);
  EXPECT_EQ(vallex_clean("[EN]line\nbreak[EN]").phonemes, "");
  EXPECT_EQ(vallex_clean("[EN]a[EN][EN]b[EN]").phonemes, "ə.bi.");
}

TEST(Vallex, FrontEndsTokensAreCharacters) {
  const auto front_end = make_front_end("vallex:en");
  const Phonemized said = front_end->phonemize(" Good\nday. ");
  EXPECT_EQ(join(said.phones, ""), "goodday*.");
  EXPECT_EQ(join(make_front_end("vallex:mix")->phonemize("[EN]Hi you[EN]").phones, ""), "haɪ_ju.");
  EXPECT_EQ(front_end->phonemize("Hi").language_of_phone, std::vector<std::string>(4, "en"));
  EXPECT_THROW(make_front_end("vallex:ja")->phonemize("こんにちは"), UsageError);
  const std::string japanese = "こんにちは";
  const std::vector<Spoken> by_hand = {{0, japanese.size(), "ko↑Nniʧiwa"}};
  EXPECT_EQ(join(make_front_end("vallex:ja")->phonemize(japanese, by_hand).phones, ""), "ko↑nn^itʃiwa.");
  EXPECT_EQ(front_end->phonemize("").warnings, std::vector<std::string>{"there is nothing to say in this text"});
}

TEST(Vallex, SentencesByLanguage) {
  using Strings = std::vector<std::string>;
  EXPECT_EQ(vallex_sentences("Wait... is this one? Mr. Smith said so.", "en"),
            (Strings{"Wait... is this one?", "Mr. Smith said so."}));
  EXPECT_EQ(vallex_sentences("他说：“好。”然后走了", "zh"), (Strings{"他说：“好。", "”然后走了"}));
  EXPECT_EQ(vallex_sentences("はい。いいえ！", "ja"), (Strings{"はい。", "いいえ！"}));
}

TEST(BpeSymbols, OnlyATokenizerOfCharactersIsTaken) {
  const auto refused = [](const std::string& model, const std::string& more = "") {
    try {
      parse_bpe_symbols("{\"model\":{" + model + "}" + more + "}", "t.json");
    } catch (const DataError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const std::string good = R"("type":"BPE","unk_token":"[UNK]","merges":[],"vocab":{"b":2,"[UNK]":0,"[PAD]":1})";
  EXPECT_EQ(refused(good, R"(,"pre_tokenizer":{"type":"Whitespace"},"normalizer":null)"), "");
  EXPECT_EQ(parse_bpe_symbols("{\"model\":{" + good + "}}", "t"), (std::vector<std::string>{"[UNK]", "[PAD]", "b"}));
  EXPECT_NE(refused(R"("type":"Unigram")").find("model.type"), std::string::npos);
  EXPECT_NE(refused(R"("type":"BPE","unk_token":"a","merges":["a b"],"vocab":{"a":0})").find("merges"),
            std::string::npos);
  EXPECT_NE(refused(good, R"(,"normalizer":{"type":"NFC"})").find("normalizer"), std::string::npos);
  EXPECT_NE(refused(R"("type":"BPE","unk_token":"a","vocab":{"a":1})").find("expected every id"), std::string::npos);
  EXPECT_NE(refused(R"("type":"BPE","unk_token":"x","vocab":{"a":0})").find("unk_token"), std::string::npos);
}

}  // namespace
}  // namespace timbre::text
