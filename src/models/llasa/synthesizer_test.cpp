#include "models/llasa/synthesizer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "models/llasa/engine_synthesizer.h"
#include "support/golden.h"
#include "tokenizer/tokenizer_for_test.h"
#include "weights/load.h"

namespace timbre::llasa {
namespace {

using roles::CodeRequest, roles::CodeUtterance, roles::Ending;
using testing::Each, testing::ElementsAre, testing::HasSubstr, testing::Lt;

constexpr std::int64_t kCodes = 40;

tokenizer::Tokenizer speaking_tokenizer() {
  auto made = tokenizer::testing_support::tiny();
  made.add_tokens(std::vector<std::string>{"<|start_header_id|>", "<|end_header_id|>"});
  tokenizer::add_speech_tokens(made, 50);
  tokenizer::add_speed_tokens(made);
  return made;
}

/// Says what `scores_of` tells of each frame; keeps what it heard.
class Planned final : public SpeechDecoder {
 public:
  using Scores = std::function<std::vector<float>(std::size_t frame)>;
  explicit Planned(Scores scores_of) : scores_of_(std::move(scores_of)) {}
  std::span<const float> prefill(const HeardPrompt& given) override {
    prompt = given;
    return rewind();
  }
  std::span<const float> step(std::int64_t id) override {
    said.push_back(id);
    now_ = scores_of_(said.size());
    return now_;
  }
  std::span<const float> rewind() override {
    said.clear();
    now_ = scores_of_(0);
    return now_;
  }
  HeardPrompt prompt;
  std::vector<std::int64_t> said;

 private:
  Scores scores_of_;
  std::vector<float> now_;
};

struct Made {
  std::unique_ptr<Synthesizer> synthesizer;
  Planned* decoder = nullptr;
};

Made made(Planned::Scores scores_of, voice::TokenSpeaking speaking = {}, std::int64_t row_length = 400) {
  tokenizer::Tokenizer tokenizer = speaking_tokenizer();
  auto tokens = tokenizer::SpeechTokens::of(tokenizer);
  OpenedVoice voice{.config = {},
                    .tokenizer = std::move(tokenizer),
                    .tokens = tokens,
                    .speaking = std::move(speaking),
                    .codes = kCodes,
                    .scored = {},
                    .where = "test"};
  voice.config.vocab_size = voice.tokenizer.size();
  voice.config.row_length = row_length;
  for (std::int64_t code = 0; code < kCodes; ++code) voice.scored.push_back(tokens.first_id + code);
  voice.scored.push_back(tokens.speech_generation_end);
  auto decoder = std::make_unique<Planned>(std::move(scores_of));
  Planned* kept = decoder.get();
  return {std::make_unique<Synthesizer>(std::move(voice), std::move(decoder)), kept};
}

/// Code 1, 2, 3 … for `frames`, then the end, so surely that drawing draws it.
Planned::Scores counting(std::size_t frames) {
  return [frames](std::size_t frame) {
    std::vector<float> scores(kCodes + 1, 0.0f);
    scores[frame < frames ? frame % kCodes : kCodes] = 60;
    return scores;
  };
}

CodeRequest request(std::vector<std::int64_t> tokens = {70, 71}) {
  CodeRequest out;
  out.tokens_S = std::move(tokens);
  return out;
}

std::string fault(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

TEST(Synthesizer, HearsWhatTrainingHeard) {
  const tokenizer::Tokenizer tokenizer = speaking_tokenizer();
  const tokenizer::SpeechRows rows(tokenizer);
  const std::vector<std::int32_t> codes = {4, 9};
  const std::string text = "first<|SLOW|>second";
  const auto row = rows.plain(text, codes, "row");
  const tokenizer::TrainingRow trained = tokenizer::RowExpander(tokenizer, "05 Mar 2025", 400).expand(row, "row");

  auto [synthesizer, decoder] = made(counting(3), {.date = "05 Mar 2025"});
  const auto ids = tokenizer.encode(text);
  CodeRequest asked = request({ids.begin(), ids.end()});
  asked.prompt_FQ = codes;
  asked.prompt_frames = 2;
  const CodeUtterance said = synthesizer->generate(asked);
  EXPECT_THAT(said.codes_FQ, ElementsAre(0, 1, 2));
  EXPECT_EQ(said.ending, Ending::end_token);
  const std::size_t length = decoder->prompt.ids_T.size();
  ASSERT_LT(length, trained.input_ids.size());
  for (std::size_t t = 0; t < length; ++t) {
    EXPECT_EQ(decoder->prompt.ids_T[t], trained.input_ids[t]);
    EXPECT_EQ(decoder->prompt.seen_T[t], trained.attention_mask[t]);
    EXPECT_EQ(decoder->prompt.positions_T[t], static_cast<std::int64_t>(t));
  }
  // What comes next in the row is what it says: nothing is lost between prompt and speech.
  EXPECT_EQ(trained.input_ids[length], tokenizer::SpeechTokens::of(tokenizer).speech_generation_end);
}

TEST(Synthesizer, MasksAreThoseOfTheReferences) {
  const std::vector<std::int32_t> ids = {1, 9, 2, 9, 3};
  const HeardPrompt script = heard(ids, 9, voice::PromptMask::script);
  EXPECT_THAT(script.seen_T, ElementsAre(1, 0, 1, 0, 1));
  EXPECT_EQ(script.positions_T[2], 1);
  EXPECT_EQ(script.positions_T[4], 2);
  EXPECT_THAT(heard(ids, 9, voice::PromptMask::training).positions_T, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_TRUE(heard(ids, 9, voice::PromptMask::card).seen_T.empty());
}

/// The golden prompts through our masks and the engine: what transformers says when all but speech and the end are
/// suppressed, and what it says in both of its modes.
TEST(Synthesizer, GreedyIsGolden) {
  const auto folder = testing_support::golden("llasa_lm");
  if (folder.empty() && testing_support::in_ci()) FAIL() << "golden set llasa_lm is missing";
  if (folder.empty()) GTEST_SKIP() << "golden set llasa_lm is missing";
  const nlohmann::json cases = read_json(folder / "cases.json");
  const auto id = [&](const char* name) { return cases.at("ids").at(name).get<std::int64_t>(); };
  int compared = 0;
  for (const nlohmann::json& one : cases.at("generation")) {
    if (one.contains("max_length") || one.at("eos_token_id").is_array() || one.at("repetition_penalty") != 1.0)
      continue;
    EngineOptions options;
    if (one.contains("suppress")) {
      for (std::int64_t speech = id("s0"); speech < id("fast"); ++speech) options.scored.push_back(speech);
      options.scored.push_back(id("sge"));
    }
    EngineDecoder decoder(Engine::open(folder / "resized", options));
    const auto prompt = one.at("prompt").get<std::vector<std::int32_t>>();
    const auto mask = one.at("mode") == "speed_script" ? voice::PromptMask::script : voice::PromptMask::card;
    std::span<const float> scores = decoder.prefill(heard(prompt, static_cast<std::int32_t>(id("eot")), mask));
    std::vector<std::int64_t> said;
    const auto wanted = one.at("new_ids").get<std::vector<std::int64_t>>();
    while (said.size() < wanted.size()) {
      std::vector<float> now(scores.begin(), scores.end());
      if (!options.scored.empty() && said.size() < one.value("min_new_tokens", std::size_t{0})) now.back() = -1e30f;
      const auto best = std::max_element(now.begin(), now.end()) - now.begin();
      said.push_back(options.scored.empty() ? best : options.scored[static_cast<std::size_t>(best)]);
      scores = decoder.step(said.back());
    }
    EXPECT_EQ(said, wanted) << one.at("name");
    ++compared;
  }
  EXPECT_GE(compared, 6);
}

TEST(Synthesizer, StopsWhereItShould) {
  auto [synthesizer, decoder] = made(counting(3));
  CodeRequest asked = request();
  asked.sampling.least_frames = 6;  // the end is not listened to before
  EXPECT_EQ(synthesizer->generate(asked).frames, 6);
  EXPECT_EQ(synthesizer->generate(asked).ending, Ending::immediate);
  asked.sampling = {.frames = 2};
  EXPECT_EQ(synthesizer->generate(asked).ending, Ending::limit);
  EXPECT_EQ(synthesizer->generate(asked).frames, 2);

  auto [at_once, unused] = made(counting(0));
  EXPECT_EQ(at_once->generate(request()).ending, Ending::immediate);
  auto [looping, unused2] = made([](std::size_t) {
    std::vector<float> scores(kCodes + 1, 0.0f);
    scores[5] = 60;
    return scores;
  });
  asked.sampling = {.loop_frames = 20};
  const CodeUtterance loop = looping->generate(asked);
  EXPECT_EQ(loop.ending, Ending::loop);
  EXPECT_EQ(loop.frames, 1);
  asked.sampling = {};
  const CodeUtterance runaway = looping->generate(asked);  // to the end of a row
  EXPECT_EQ(runaway.ending, Ending::limit);
  EXPECT_GT(runaway.frames, 50);
}

TEST(Synthesizer, RulesBendWhatIsDrawn) {
  const auto flat = [](std::size_t) { return std::vector<float>(kCodes + 1, 0.0f); };
  auto [synthesizer, decoder] = made(flat);
  CodeRequest asked = request();
  asked.prompt_FQ = {3, 4, 3};
  asked.prompt_frames = 3;
  asked.sampling = {.top_k = 1, .frames = 1, .least_frames = 1, .no_repeat_ngram = 1};
  // Greedy takes the first of equals that was not said: 0, though 3 and 4 are taken by the prompt.
  EXPECT_THAT(synthesizer->generate(asked).codes_FQ, ElementsAre(0));
  asked.sampling = {.top_k = 0, .seed = 3, .frames = 30, .least_frames = 30, .no_repeat_ngram = 1};
  const auto once = synthesizer->generate(asked).codes_FQ;
  EXPECT_EQ(std::set<std::int32_t>(once.begin(), once.end()).size(), 30u);
  EXPECT_EQ(std::count(once.begin(), once.end(), 3) + std::count(once.begin(), once.end(), 4), 0)
      << "the prompt's codes were said before";
  EXPECT_EQ(synthesizer->generate(asked).codes_FQ, once);
  asked.sampling.seed = 4;
  EXPECT_NE(synthesizer->generate(asked).codes_FQ, once);
}

TEST(Synthesizer, OfSeveralTheOneOfTheExpectedLengthIsTaken) {
  // Ends with probability 1/20 a frame.
  auto [synthesizer, decoder] = made([](std::size_t) {
    std::vector<float> scores(kCodes + 1, -std::numeric_limits<float>::infinity());
    for (std::size_t code = 0; code < kCodes; ++code) scores[code] = 0;
    scores[kCodes] = std::log(static_cast<float>(kCodes) / 19);
    return scores;
  });
  CodeRequest asked = request();
  asked.sampling = {.seed = 5, .best_of = 12, .expected_frames = 20};
  const CodeUtterance best = synthesizer->generate(asked);
  double least = 1e9;
  for (std::int64_t beam = 0; beam < 12; ++beam) {
    CodeRequest one = request();
    one.sampling = {.seed = roles::beam_seed(5, beam)};
    const CodeUtterance made = synthesizer->generate(one);
    if (made.ending == Ending::end_token)
      least = std::min(least, std::abs(std::log(static_cast<double>(made.frames) / 20)));
  }
  EXPECT_EQ(std::abs(std::log(static_cast<double>(best.frames) / 20)), least);
  asked.sampling.top_k = 1;  // nothing is drawn: one is enough
  synthesizer->generate(asked);
}

TEST(Synthesizer, RefusesWhatCannotBe) {
  auto [synthesizer, decoder] = made(counting(3));
  EXPECT_THAT(fault([&] { synthesizer->generate(request({100000})); }), HasSubstr("none of the tokenizer's words"));
  const auto speech = static_cast<std::int64_t>(speaking_tokenizer().need_id("<|s_7|>"));
  EXPECT_THAT(fault([&] { synthesizer->generate(request({speech})); }), HasSubstr("none of the tokenizer's words"));
  CodeRequest asked = request();
  asked.prompt_FQ = {kCodes};  // the tokenizer has a token for it, the codec no entry
  asked.prompt_frames = 1;
  EXPECT_THAT(fault([&] { synthesizer->generate(asked); }), HasSubstr("is the code 40; Llasa knows 0 … 39"));
  asked.prompt_FQ.assign(500, 1);
  asked.prompt_frames = 500;
  EXPECT_THAT(fault([&] { synthesizer->generate(asked); }), HasSubstr("there is no room for speech"));
  asked = request();
  asked.sampling.repetition_window = 10;
  EXPECT_THAT(fault([&] { synthesizer->generate(asked); }), HasSubstr("--repetition-window"));
  asked.sampling = {.min_p = 2};
  EXPECT_THAT(fault([&] { synthesizer->generate(asked); }), HasSubstr("min_p 2"));
  asked.sampling = {.prompt_mask = "cards"};
  EXPECT_THAT(fault([&] { synthesizer->generate(asked); }), HasSubstr("prompt mask 'cards'"));
}

}  // namespace
}  // namespace timbre::llasa
