#include "tokenizer/train.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tokenizer/chat.h"
#include "tokenizer/speech_tokens.h"

namespace timbre::tokenizer {
namespace {

Tokenizer trained(std::initializer_list<std::string_view> texts, std::int32_t size) {
  Trainer trainer;
  for (const std::string_view text : texts) trainer.add(text);
  return trainer.make(size);
}

TEST(Trainer, JoinsTheMostFrequentPairFirst) {
  const Tokenizer tokenizer = trained({"low lower lowest", "low low new"}, 260);
  // lo and ow 5 times, of equal ones the one of the smaller ids; then Ġlow's parts.
  EXPECT_EQ(tokenizer.token(256), "lo");
  EXPECT_EQ(tokenizer.token(257), "low");
  EXPECT_EQ(tokenizer.token(258), "Ġlow");
  EXPECT_EQ(tokenizer.vocabulary_size(), 260);
  EXPECT_EQ(tokenizer.token(0), "!");
}

TEST(Trainer, CountsOverlappingPairsOnceTheyAreMerged) {
  const Tokenizer tokenizer = trained({"aaaaa"}, 300);
  EXPECT_EQ(tokenizer.token(256), "aa");
  EXPECT_EQ(tokenizer.vocabulary_size(), 259);  // aa, aaa, aaaaa; then there are no pairs
  EXPECT_EQ(tokenizer.encode("aaaaa"), (std::vector<std::int32_t>{258}));
}

TEST(Trainer, MakesAWholeTokenizer) {
  Tokenizer tokenizer = trained({"Hello there, hello world."}, 270);
  const std::int32_t model = tokenizer.vocabulary_size();
  EXPECT_EQ(tokenizer.bos(), model);
  EXPECT_EQ(tokenizer.eos(), model + 9);
  EXPECT_EQ(tokenizer.size(), model + 256);
  EXPECT_EQ(tokenizer.need_id("<|reserved_special_token_247|>"), model + 255);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("Ça va ?")), "Ça va ?");
  EXPECT_TRUE(
      render_chat(tokenizer, std::vector<Message>{{"user", "x"}}, ChatEnd::closed).starts_with("<|begin_of_text|>"));
  add_speech_tokens(tokenizer, 1000);
  EXPECT_EQ(SpeechTokens::of(tokenizer).first_id, model + 264);
}

TEST(Trainer, RefusesWhatNothingCanBeMadeOf) {
  EXPECT_THROW(trained({"x"}, 255), UsageError);
  EXPECT_THROW(trained({}, 300), UsageError);
  EXPECT_THROW(trained({"\xFF"}, 300), DataError);
}

}  // namespace
}  // namespace timbre::tokenizer
