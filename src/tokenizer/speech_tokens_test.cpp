#include "tokenizer/speech_tokens.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tokenizer/tokenizer_for_test.h"

namespace timbre::tokenizer {
namespace {

using testing_support::tiny;

TEST(SpeechTokens, AreFoundWhereTheyWereAdded) {
  Tokenizer tokenizer = tiny();
  const std::int32_t before = tokenizer.size();
  add_speech_tokens(tokenizer, 1000);
  const SpeechTokens base = SpeechTokens::of(tokenizer);
  EXPECT_EQ(base.text_generation_start, before);
  EXPECT_EQ(base.speech_generation_end, before + 5);
  EXPECT_EQ(base.first_id, before + 8);
  EXPECT_EQ(base.count, 1000);
  EXPECT_FALSE(base.has_speeds());
  add_speed_tokens(tokenizer);
  const SpeechTokens speech = SpeechTokens::of(tokenizer);
  EXPECT_EQ(speech.id_of_speed(Speed::fast), before + 1008);
  EXPECT_EQ(speech.id_of_speed(Speed::slow), before + 1009);
  EXPECT_EQ(speech.id_of_speed(Speed::medium), before + 1010);
  EXPECT_EQ(tokenizer.size(), before + 1011);
  EXPECT_EQ(tokenizer.encode("<|s_999|><|s_1000|>").front(), speech.id_of_code(999));
  EXPECT_EQ(speech.code_of_id(speech.first_id + 999), 999);
  EXPECT_EQ(speech.code_of_id(speech.first_id + 1000), std::nullopt);
  EXPECT_EQ(speech.code_of_id(speech.first_id - 1), std::nullopt);
  EXPECT_EQ(speech.ids_of_codes(std::vector<std::int32_t>{0, 7}, "a.npy"),
            (std::vector<std::int32_t>{speech.first_id, speech.first_id + 7}));
}

std::string reason(const std::function<void()>& call) {
  try {
    call();
  } catch (const DataError& error) {
    return std::string(error.what()) + "; next: " + error.next();
  }
  return "";
}

TEST(SpeechTokens, SayWhatATokenizerLacks) {
  Tokenizer tokenizer = tiny();
  EXPECT_EQ(reason([&] { (void)SpeechTokens::of(tokenizer); }),
            "tiny.json: there are no speech tokens (<|s_0|>, <|s_1|> …); next: give the tokenizer of a Llasa model, or "
            "add them: "
            "timbre tokens --tokenizer tiny.json --add-speech 65536 --out NEW");
  tokenizer.add_tokens(std::vector<std::string>{"<|s_0|>", "<|s_1|>"});
  EXPECT_NE(reason([&] { (void)SpeechTokens::of(tokenizer); }).find("<|TEXT_GENERATION_START|> is missing"),
            std::string::npos);
  tokenizer.add_tokens(std::vector<std::string>{"gap", "<|s_2|>"});
  EXPECT_NE(reason([&] { (void)SpeechTokens::of(tokenizer); }).find("<|s_2|> has the id"), std::string::npos);
}

TEST(SpeechTokens, RefuseCodesOutsideTheBlock) {
  Tokenizer tokenizer = tiny();
  add_speech_tokens(tokenizer, 512);
  const SpeechTokens speech = SpeechTokens::of(tokenizer);
  EXPECT_NE(reason([&] { (void)speech.id_of_code(512); }).find("codes 0 to 511"), std::string::npos);
  EXPECT_NE(reason([&] { (void)speech.id_of_code(-1); }).find("the code -1"), std::string::npos);
  EXPECT_NE(reason([&] {
              (void)speech.ids_of_codes(std::vector<std::int32_t>{3, 900}, "a.npy");
            }).find("a.npy: the code 900 at position 1"),
            std::string::npos);
  EXPECT_NE(
      reason([&] { (void)speech.ids_of_codes(std::vector<std::int32_t>{900}, "a.npy"); }).find("token ids already"),
      std::string::npos);
  EXPECT_NE(reason([&] { (void)speech.id_of_speed(Speed::slow); }).find("--add-speeds"), std::string::npos);
  EXPECT_THROW(add_speech_tokens(tokenizer, 0), UsageError);
}

}  // namespace
}  // namespace timbre::tokenizer
