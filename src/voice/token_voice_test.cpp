#include "voice/token_voice.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "tokenizer/speech_rows.h"
#include "tokenizer/tokenizer_for_test.h"
#include "voice/pace.h"
#include "voice/voice.h"

namespace timbre::voice {
namespace {

using testing::ElementsAre, testing::HasSubstr;

tokenizer::Tokenizer speaking_tokenizer() {
  auto made = tokenizer::testing_support::tiny();
  made.add_tokens(std::vector<std::string>{"<|start_header_id|>", "<|end_header_id|>"});
  tokenizer::add_speech_tokens(made, 50);
  tokenizer::add_speed_tokens(made);
  return made;
}

TEST(Letters, CountWhatIsSaid) {
  EXPECT_EQ(letters_of("Hello, there!"), 10);
  EXPECT_EQ(letters_of("7 Öfen"), 8);
  EXPECT_EQ(letters_of("你好"), 10);
  EXPECT_EQ(letters_of("… — ?"), 0);
}

TEST(PaceOfRows, TellsTheSpeedsOfPairsApart) {
  const auto tokenizer = speaking_tokenizer();
  const tokenizer::SpeechRows rows(tokenizer);
  PaceOfRows pace(tokenizer);
  const auto codes = [](std::size_t count) { return std::vector<std::int32_t>(count, 7); };
  // Three frames a letter, five where it is slow; the rows do not say which codes are whose.
  pace.add(rows.paired("abcd", tokenizer::Speed::slow, "efg", codes(12), codes(15), "row"));
  EXPECT_THAT(pace.speeds(), ElementsAre("slow"));
  pace.add(rows.fitted(rows.paired("ab", tokenizer::Speed::slow, "cdefgh", codes(6), codes(30), "row"), 80));
  EXPECT_NEAR(pace.pace().medium, 3, 1e-9);
  EXPECT_NEAR(pace.pace().slow, 5, 1e-9);
  EXPECT_EQ(pace.pace().fast, 0);
  EXPECT_NEAR(pace.pace().of(tokenizer::Speed::fast), 3 * 0.75, 1e-9);
  EXPECT_NEAR(pace.pace().of({}), 3, 1e-9);
  EXPECT_EQ(PaceOfRows(tokenizer).pace().of({}), 0);

  // With recordings of other lengths what lies around each text is told from it.
  PaceOfRows pausing(tokenizer);
  const auto say = [&](const std::string& text, std::size_t frames) {
    pausing.add(rows.plain(text, codes(frames), "row"));
  };
  say("abcd", 20 + 8);
  say("abcdefgh", 20 + 16);
  say("ab", 20 + 4);
  pausing.add(rows.paired("ab", tokenizer::Speed::slow, "cdefgh", codes(20 + 4), codes(20 + 18), "row"));
  EXPECT_NEAR(pausing.pace().text, 20, 1e-6);
  EXPECT_NEAR(pausing.pace().medium, 2, 1e-6);
  EXPECT_NEAR(pausing.pace().slow, 3, 1e-6);
  PaceOfRows shorter(tokenizer);  // long texts are said faster than short ones: that is no silence below nothing
  shorter.add(rows.plain("ab", codes(2), "row"));
  shorter.add(rows.plain("abcdefgh", codes(20), "row"));
  EXPECT_EQ(shorter.pace().text, 0);
  EXPECT_NEAR(shorter.pace().medium, (2 * 2 + 8 * 20) / (2.0 * 2 + 8 * 8), 1e-9);
}

class TokenVoice : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() / ("timbre-token-voice-" + std::to_string(::getpid()));
    fs::create_directories(dir_ / "voice");
    write_file_atomic(dir_ / "voice" / "model.safetensors", "weights");
    speaking_tokenizer().write(dir_ / "voice" / "tokenizer");
  }
  void TearDown() override { fs::remove_all(dir_); }
  nlohmann::json about() const {
    return {{"name", "test"},
            {"model", {{"kind", "llasa"}, {"config", nlohmann::json::object()}, {"weights", "model.safetensors"}}},
            {"front_end", kTokenizerFrontEnd},
            {"tokenizer", {{"folder", "tokenizer"}}},
            {"language", "en"},
            {"codec", {{"codec", "small_codec"}, {"codebooks", 1}}}};
  }
  static std::string fault(const std::function<void()>& act) {
    try {
      act();
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }
  fs::path dir_;
};

TEST_F(TokenVoice, KeepsHowItWasTrained) {
  nlohmann::json told = about();
  told["speaking"] = to_json({.date = "05 Mar 2025",
                              .mask = PromptMask::card,
                              .speeds = {{"fast"}},
                              .pace = {.medium = 3.5, .slow = 0, .fast = 2, .text = 7}});
  write_voice(dir_ / "voice", told);
  const Voice voice = Voice::open(dir_ / "voice");
  EXPECT_TRUE(voice.has_tokenizer());
  EXPECT_TRUE(fs::is_regular_file(voice.tokenizer_folder() / "tokenizer.json"));
  const TokenSpeaking speaking = token_speaking(voice.about(), "here");
  EXPECT_EQ(speaking.date, "05 Mar 2025");
  EXPECT_EQ(speaking.mask, PromptMask::card);
  EXPECT_THAT(*speaking.speeds, ElementsAre("fast"));
  EXPECT_EQ(speaking.pace.medium, 3.5);
  EXPECT_EQ(speaking.pace.fast, 2);
  EXPECT_EQ(speaking.pace.text, 7);
  const TokenSpeaking untold = token_speaking(about(), "here");
  EXPECT_EQ(untold.mask, PromptMask::training);
  EXPECT_FALSE(untold.speeds);
  EXPECT_THAT(fault([&] { voice.make_front_end(); }), HasSubstr("reads texts with a tokenizer"));
}

TEST_F(TokenVoice, SaysWhichFieldIsWrong) {
  nlohmann::json broken = about();
  broken.erase("codec");
  EXPECT_THAT(fault([&] { write_voice(dir_ / "voice", broken); }), HasSubstr("'codec'"));
  write_voice(dir_ / "voice", about());
  const auto with = [&](const char* key, nlohmann::json value) {
    nlohmann::json changed = Voice::open(dir_ / "voice").about();
    changed[key] = std::move(value);
    const nlohmann::json good = Voice::open(dir_ / "voice").about();
    write_file_atomic(dir_ / "voice" / "voice.json", changed.dump());
    const std::string said = fault([&] { Voice::open(dir_ / "voice"); });
    write_file_atomic(dir_ / "voice" / "voice.json", good.dump());
    return said;
  };
  EXPECT_THAT(with("tokenizer", {{"folder", "../elsewhere"}}), HasSubstr("'tokenizer.folder'"));
  EXPECT_THAT(with("speaking", {{"mask", "cards"}}), HasSubstr("speaking.mask"));
  EXPECT_THAT(with("speaking", {{"speeds", {"quick"}}}), HasSubstr("'quick' is none of fast, slow, medium"));
  EXPECT_THAT(with("speaking", {{"date", 5}}), HasSubstr("'speaking' must hold"));
  fs::remove(dir_ / "voice" / "tokenizer" / "tokenizer.json");
  EXPECT_THAT(fault([&] { Voice::open(dir_ / "voice").tokenizer_folder(); }), HasSubstr("no tokenizer.json"));
}

}  // namespace
}  // namespace timbre::voice
