#include "voice/code_texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace timbre::voice {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

using Strings = std::vector<std::string>;

/// A voice of VALL-E X whose tokenizer knows Latin letters, blanks and full stops.
CodeTexts voice_x(const std::string& front_end = "vallex:mix") {
  Strings symbols = {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "_", ".", "?"};
  for (char c = 'a'; c <= 'z'; ++c) symbols.emplace_back(1, c);
  return {text::make_front_end(front_end), symbols, {"en", "zh", "ja"}, "voice x"};
}

Strings texts_of(const std::vector<text::SpeechPiece>& plan) {
  Strings out;
  for (const auto& piece : plan) out.push_back(piece.text);
  return out;
}

TEST(CodeTexts, SentencesOfAMarkedTextKeepTheirMarks) {
  const CodeTexts texts = voice_x();
  EXPECT_THAT(texts_of(texts.plan("[EN]Hello there. How are you?[EN]", "")),
              ElementsAre("[EN]Hello there.[EN]", "[EN]How are you?[EN]"));
  EXPECT_THAT(texts_of(texts.plan("[EN]Hi,[EN][ZH]你好。再见。[ZH]\n[EN]Bye.[EN]", "")),
              ElementsAre("[EN]Hi,[EN][ZH]你好。[ZH]", "[ZH]再见。[ZH]", "[EN]Bye.[EN]"))
      << "a sentence of two languages is one";
  EXPECT_THAT(texts_of(texts.plan("[EN]Hi[EN] lost [ZH]你好。[ZH]", "en")),
              ElementsAre("[EN]Hi[EN] lost [ZH]你好。[ZH]"));
  const auto paused = texts.plan("[EN]One. [pause:1s] Two.[EN]", "");
  EXPECT_THAT(texts_of(paused), ElementsAre("[EN]One.[EN]", "[EN]Two.[EN]"));
  EXPECT_EQ(paused[0].pause_after_s, 1);
  EXPECT_THAT(texts_of(texts.plan("[EN]a [ZH]b[ZH] c. d.[EN]", "")), ElementsAre("[EN]a [ZH]b[ZH] c. d.[EN]"));
  EXPECT_THAT(texts_of(texts.plan("你好。再见。", "")), ElementsAre("你好。", "再见。"));
}

TEST(CodeTexts, MarksInATextWinOverTheLanguageItIsGivenAs) {
  for (const char* front_end : {"vallex:mix", "vallex:en"}) {
    CodeTexts texts = voice_x(front_end);
    const auto plain = texts.read("a cat", {}, "en"), marked = texts.read("[EN]a cat[EN]", {}, "en");
    EXPECT_TRUE(plain.speaks);
    EXPECT_EQ(plain.tokens.tokens_S, marked.tokens.tokens_S);
    EXPECT_EQ(plain.tokens.languages_S, marked.tokens.languages_S);
    const auto two = texts.read("[EN]a cat[EN][ZH]你[ZH]", {}, "en");
    EXPECT_THAT(two.tokens.languages_S, Contains(0));
    EXPECT_THAT(two.tokens.languages_S, Contains(1));
  }
  CodeTexts texts = voice_x();
  const text::Spoken by_hand{.begin = 6, .end = 9, .phones = "xyz"};
  EXPECT_THAT(texts.read("[EN]a cat.[EN]", {&by_hand, 1}, "").tokens.tokens_S,
              testing::IsSupersetOf({8 + 23, 8 + 24, 8 + 25}));
  EXPECT_THAT([&] { texts.read("a cat", {}, "fr"); },
              ThrowsMessage<UsageError>(HasSubstr("the voice does not know the language 'fr'")));
}

TEST(CodeTexts, SaysWhichTokensItReadsAsUnknown) {
  CodeTexts texts = voice_x();
  EXPECT_THAT(texts.read("the", {}, "en").warnings, Contains("not among the text symbols, so read as [UNK]: ð ə"));
}

TEST(CodeTexts, TheVoicesOwnPolicyIsTheOneThatCounts) {
  const Strings symbols = {"<pad>", "<bos>", "<eos>", "a", "[UNK]", "[PAD]"};
  const text::TokenPolicy own{.pad = "[PAD]", .bos = "", .eos = "", .unknown = "[UNK]"};
  CodeTexts texts(text::make_front_end("espeak:en-us"), symbols, {}, "voice", own);
  EXPECT_FALSE(texts.reads_together());
  EXPECT_TRUE(CodeTexts(text::make_front_end("espeak:en-us"), symbols, {}, "voice").reads_together());
}

}  // namespace
}  // namespace timbre::voice
