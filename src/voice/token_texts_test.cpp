#include "voice/token_texts.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "tokenizer/tokenizer_for_test.h"

namespace timbre::voice {
namespace {

using testing::ElementsAre, testing::HasSubstr, testing::IsEmpty;
using tokenizer::Speed;

tokenizer::Tokenizer speaking_tokenizer(bool speeds = true) {
  auto made = tokenizer::testing_support::tiny();
  tokenizer::add_speech_tokens(made, 50);
  if (speeds) tokenizer::add_speed_tokens(made);
  return made;
}

TokenTexts texts_of(TokenSpeaking speaking = {}, bool speeds = true) {
  return {speaking_tokenizer(speeds), std::move(speaking), "v", 50};
}

std::string fault(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

/// What each piece becomes, with the tokens spelt out.
std::vector<std::string> said(TokenTexts& texts, const std::string& text, const ReadingOptions& how) {
  std::vector<std::string> out;
  for (const text::SpeechPiece& piece : texts.plan(text, how)) {
    const auto ids = texts.read(piece, "").tokens.tokens_S;
    out.push_back(texts.tokenizer().decode(std::vector<std::int32_t>(ids.begin(), ids.end())));
  }
  return out;
}

const ReadingOptions kMarkup{.language = "", .speed = "medium", .tags = text::Tags::speeds};

TEST(TokenTexts, SpeedsStandBetweenTextsAsInRows) {
  TokenTexts texts = texts_of();
  EXPECT_THAT(said(texts, "Hello <slow>there</slow>", kMarkup), ElementsAre("Hello<|SLOW|>there"));
  EXPECT_THAT(said(texts, "Hello <slow>there</slow>.", kMarkup), ElementsAre("Hello<|SLOW|>there."));
  EXPECT_THAT(said(texts, "Hello there.", {.language = "", .speed = "fast"}), ElementsAre("<|FAST|>Hello there."));
  EXPECT_THAT(said(texts, "Hello there. You too.", {}), ElementsAre("Hello there.", "You too."));
  EXPECT_THAT(said(texts, "Hello there. <slow>You too.</slow>",
                   {.language = "", .speed = "medium", .tags = text::Tags::speeds, .whole = true}),
              ElementsAre("Hello there.<|SLOW|>You too."));

  const auto piece = texts.plan("one <fast>two</fast>", kMarkup).front();
  const tokenizer::Tokenizer tokenizer = speaking_tokenizer();
  const auto row = tokenizer::SpeechRows(tokenizer).paired("Say one", Speed::fast, "two", {}, {}, "row");
  const auto joined = texts.read_together({.text = "Say"}, piece, "");
  EXPECT_EQ(std::vector<std::int64_t>(row.begin() + 1, row.end() - 3), joined.tokens.tokens_S);
  EXPECT_EQ(joined.prompt_tokens, 3);
  // At a speed from its first word on, nothing stands between the recording's text and the token.
  const auto fast = texts.plan("two", {.language = "", .speed = "fast"}).front();
  const auto alone = tokenizer::SpeechRows(tokenizer).paired("Say", Speed::fast, "two", {}, {}, "row");
  EXPECT_EQ(std::vector<std::int64_t>(alone.begin() + 1, alone.end() - 3),
            texts.read_together({.text = "Say"}, fast, "").tokens.tokens_S);
}

TEST(TokenTexts, NothingGoesBackThatWasNotTaughtTo) {
  const std::string text = "a <slow>b</slow> c <fast>d</fast> <slow>e</slow>";
  TokenTexts fork = texts_of();
  EXPECT_THAT(said(fork, text, kMarkup), ElementsAre("a<|SLOW|>b", "c<|FAST|>d", "<|SLOW|>e"));
  const auto plan = fork.plan(text, kMarkup);
  EXPECT_FALSE(plan[0].ends_sentence);
  EXPECT_TRUE(plan[2].ends_sentence);
  EXPECT_FALSE(fork.can_prompt(plan[0]));
  EXPECT_TRUE(fork.can_prompt(fork.plan("a", {}).front()));
  EXPECT_THAT(said(fork, "<medium>a</medium> b c", {.language = "", .speed = "slow", .tags = text::Tags::speeds}),
              ElementsAre("a<|SLOW|>b c"));

  // Rows with medium partners: all that follows a recording is marked.
  TokenTexts taught = texts_of({.speeds = {{"fast", "slow", "medium"}}});
  const auto after_prompt = [&](const text::SpeechPiece& piece) {
    const auto ids = taught.read_together({.text = "Say"}, piece, "").tokens.tokens_S;
    return taught.tokenizer().decode(std::vector<std::int32_t>(ids.begin(), ids.end()));
  };
  EXPECT_THAT(said(taught, text, kMarkup), ElementsAre("a<|SLOW|>b", "c<|FAST|>d", "<|SLOW|>e"));
  EXPECT_EQ(after_prompt(taught.plan("a b", {}).front()), "Say<|MEDIUM|>a b");
  EXPECT_EQ(after_prompt(taught.plan("a <slow>b</slow>", kMarkup).front()), "Say a<|SLOW|>b");
}

TEST(TokenTexts, RefusesWhatItCannotSay) {
  TokenTexts texts = texts_of();
  EXPECT_THAT(fault([&] { texts.plan("a", {.language = "", .speed = "1.2"}); }), HasSubstr("not at a factor"));
  TokenTexts only_fast = texts_of({.speeds = {{"fast"}}});
  EXPECT_THAT(fault([&] { only_fast.plan("a", {.language = "", .speed = "slow"}); }),
              HasSubstr("not taught to speak slow: its training rows had only fast"));
  TokenTexts mute = texts_of({}, false);
  EXPECT_THAT(fault([&] { mute.plan("<fast>a</fast>", kMarkup); }), HasSubstr("had no speed token"));
  TokenTexts wrong = texts_of({.speeds = {{"fast"}}}, false);
  EXPECT_THAT(fault([&] { wrong.plan("a", {.language = "", .speed = "fast"}); }), HasSubstr("<|FAST|>"));
  EXPECT_THAT(fault([&] { texts.read({.text = "a <|s_5|> b"}, ""); }), HasSubstr("'<|s_5|>' in the text is a token"));
  EXPECT_THAT(fault([&] { texts.read({.text = "ab", .spoken = {{0, 2, "x"}}}, ""); }), HasSubstr("not phones"));
  EXPECT_FALSE(texts.read({.text = "…"}, "").speaks);
}

TEST(TokenTexts, ExpectsWhatTheSpeakerTakes) {
  const auto expected = [](TokenTexts texts, const std::string& text, const std::string& prompt, std::int64_t frames) {
    return texts.expected_frames(texts.plan(text, kMarkup).front(), prompt, frames);
  };
  const TokenSpeaking speaking{.pace = {.medium = 4, .slow = 6, .fast = 3}};
  EXPECT_NEAR(expected(texts_of(speaking), "ab <slow>cde</slow>", "", 0), 2 * 4 + 3 * 6, 1e-9);
  // "ten letters" are ten: a quarter of what counts, beside thirty at the voice's own pace.
  const double five = (10 * 8 + 30 * 4) / 40.0;
  EXPECT_NEAR(expected(texts_of(speaking), "ab <slow>cde</slow>", "ten letters", 80), 2 * five + 3 * five * 1.5, 1e-9);
  EXPECT_NEAR(expected(texts_of(speaking), "abc", "ten letters", 5000), 3 * 8, 1e-9) << "a pause is no pace";
  const TokenSpeaking pausing{.pace = {.medium = 4, .slow = 6, .fast = 3, .text = 10}};
  EXPECT_NEAR(expected(texts_of(pausing), "ab <slow>cde</slow>", "ten letters", 90),
              10 + 2 * five + 10 + 3 * five * 1.5, 1e-9);
  EXPECT_NEAR(expected(texts_of(), "abcdefg", "", 0), 25, 1e-9) << "7 letters at 14 a second, 50 frames a second";
}

}  // namespace
}  // namespace timbre::voice
