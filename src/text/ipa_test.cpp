#include "text/ipa.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace timbre::text {
namespace {

using Phones = std::vector<std::string>;

TEST(Ipa, StressGoesToTheVowel) {
  EXPECT_EQ(split_ipa("təˈmeɪtoʊ"), (Phones{"t", "ə", "m", "ˈeɪ", "t", "oʊ"}));
  EXPECT_EQ(split_ipa("ˈstrɛŋkθ"), (Phones{"s", "t", "r", "ˈɛ", "ŋ", "k", "θ"}));
  EXPECT_EQ(split_ipa("ˌʌndəˈstænd"),
            (Phones{"ʌ", "n", "d", "ə", "s", "t", "ˈæ", "n", "d"}));  // secondary stress is dropped
}

TEST(Ipa, AffricatesDiphthongsLengthAndBorders) {
  EXPECT_EQ(split_ipa("t͡ʃɜːtʃ"), (Phones{"tʃ", "ɜː", "tʃ"}));
  EXPECT_EQ(split_ipa("nʌt_ʃɛl"), (Phones{"n", "ʌ", "t", "ʃ", "ɛ", "l"}));
  EXPECT_EQ(split_ipa("ʤʌg"), (Phones{"dʒ", "ʌ", "ɡ"}));
  EXPECT_EQ(split_ipa("ˈbʌtn̩"), (Phones{"b", "ˈʌ", "t", "ə", "n"}));
  EXPECT_EQ(split_ipa("bɔ\u0303 ã"), (Phones{"b", "ɔ\u0303", "a\u0303"}));
  EXPECT_EQ(split_ipa("mai"), (Phones{"m", "a", "i"}));  // full vowels stay two without espeak's word for it
  EXPECT_EQ(split_ipa("ˈkɔˑ.tsːa"), (Phones{"k", "ˈɔː", "tsː", "a"}));
}

TEST(Ipa, EspeakPhonemes) {
  EXPECT_EQ(split_espeak_phoneme("ˈaɪɚ"), (Phones{"ˈaɪ", "ɚ"}));
  EXPECT_EQ(split_espeak_phoneme("ɔːɹ"), (Phones{"ɔː", "ɹ"}));
  EXPECT_EQ(split_espeak_phoneme("əl"), (Phones{"ə", "l"}));
  EXPECT_EQ(split_espeak_phoneme("ˈja"), (Phones{"j", "ˈa"}));
  EXPECT_EQ(split_espeak_phoneme("au"), (Phones{"au"}));
  EXPECT_EQ(split_espeak_phoneme("u\""), (Phones{"ʉ"}));
  EXPECT_EQ(split_espeak_phoneme("ɪ^"), (Phones{"ɪ"}));
}

TEST(Ipa, ForeignLettersAreNamed) {
  try {
    split_ipa("hɛллo");
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("'л' (U+043B)"), std::string::npos) << e.what();
  }
}

TEST(Ipa, PlainerEndsForEveryPhone) {
  EXPECT_EQ(plainer_ipa("ˈɑː"), "ɑː");
  EXPECT_EQ(plainer_ipa("ɑː"), "ɑ");
  EXPECT_EQ(plainer_ipa("tʲ"), "t");
  EXPECT_EQ(plainer_ipa("dʒ"), "ʒ");
  EXPECT_EQ(plainer_ipa("ɐ"), "ə");
  for (std::string phone : {"ˈaɪ", "tsː", "ɝ", "r", "χ", "ɥ", "ɔ\u0303", "ʎ", "x"}) {
    int steps = 0;
    while (!phone.empty() && steps < 20) phone = plainer_ipa(phone), ++steps;
    EXPECT_LT(steps, 20);
  }
}

}  // namespace
}  // namespace timbre::text
