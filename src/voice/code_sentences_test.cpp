#include "voice/code_sentences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace timbre::voice {
namespace {

using roles::CodeRequest;
using roles::CodeUtterance;
using roles::Ending;
using testing::ElementsAre;

/// Ends as it is told, call by call; frames count up.
class Planned final : public roles::CodeSynthesizer {
 public:
  explicit Planned(std::vector<Ending> endings, std::vector<std::string> languages = {})
      : endings_(std::move(endings)), languages_(std::move(languages)) {}
  std::string name() const override { return "planned"; }
  std::int64_t codebooks() const override { return 1; }
  std::int64_t codebook_size() const override { return 100; }
  std::int64_t most_prompt_frames() const override { return 4; }
  bool speaks_without_prompt() const override { return true; }
  const std::vector<std::string>& languages() const override { return languages_; }
  CodeUtterance generate(const CodeRequest& request) override {
    roles::check_request(*this, request);
    requests.push_back(request);
    const Ending ending = endings_.at(requests.size() - 1);
    const auto frames = ending == Ending::immediate ? std::size_t{0} : frames_of_call(requests.size());
    return {std::vector<std::int32_t>(frames, static_cast<std::int32_t>(requests.size())),
            static_cast<std::int64_t>(frames), ending};
  }
  CodeUtterance revoice(const CodeRequest&) override { throw UsageError("no"); }
  std::size_t frames_of_call(std::size_t call) const { return long_call == call ? 9 : call; }

  std::vector<CodeRequest> requests;
  std::size_t long_call = 0;

 private:
  std::vector<Ending> endings_;
  std::vector<std::string> languages_;
};

CodeRequest request(std::int64_t top_k = 0) {
  CodeRequest out;
  out.tokens_S = {1, 2};
  out.sampling.top_k = top_k;
  out.sampling.seed = 7;
  return out;
}

TEST(CodeSentences, BadEndingsAreTriedAgainWithOtherSeedsAndCounted) {
  Planned voice({Ending::immediate, Ending::loop, Ending::limit, Ending::end_token});
  EndingCounts counts;
  const CodeUtterance made = generate_until_ended(voice, request(), 5, counts);
  EXPECT_EQ(made.ending, Ending::end_token);
  EXPECT_EQ(made.frames, 4);
  EXPECT_EQ(counts.retried, 3);
  EXPECT_EQ(counts.immediate, 1);
  EXPECT_EQ(counts.loop, 1);
  EXPECT_EQ(counts.limit, 1);
  EXPECT_EQ(counts.given_up, 0);
  EXPECT_EQ(counts.text(), "1 sentence, 3 further tries with other seeds (1 ended at once, 1 loop, 1 runaway)");
  EXPECT_EQ(voice.requests[0].sampling.least_frames, 0);
  EXPECT_EQ(voice.requests[1].sampling.least_frames, 2) << "a frame a token after an immediate end";
  EXPECT_EQ(voice.requests[0].sampling.seed, 7u);
  EXPECT_NE(voice.requests[1].sampling.seed, voice.requests[0].sampling.seed);
  EXPECT_NE(voice.requests[2].sampling.seed, voice.requests[1].sampling.seed);
}

TEST(CodeSentences, TriesEndAndTheBestOfThemStays) {
  Planned voice({Ending::limit, Ending::immediate, Ending::loop, Ending::end_token});
  EndingCounts counts;
  const CodeUtterance made = generate_until_ended(voice, request(), 3, counts);
  EXPECT_EQ(made.ending, Ending::loop) << "a loop is cut where it began, a runaway nowhere";
  EXPECT_EQ(voice.requests.size(), 3u);
  EXPECT_EQ(counts.given_up, 1);
}

TEST(CodeSentences, NothingDrawnIsTriedOnce) {
  Planned voice({Ending::limit, Ending::end_token});
  EndingCounts counts;
  EXPECT_EQ(generate_until_ended(voice, request(1), 5, counts).ending, Ending::limit);
  EXPECT_EQ(voice.requests.size(), 1u);
}

TEST(CodeSentences, EndingAtOnceEveryTimeIsAnError) {
  Planned voice({Ending::immediate, Ending::immediate});
  EndingCounts counts;
  EXPECT_THROW(generate_until_ended(voice, request(), 2, counts), DataError);
  EXPECT_EQ(counts.immediate, 2);
}

const CodeContext kFirst{{{1, 2, 3}, {}}, {50, 51}, 2};

TEST(CodeSentences, AFixedPromptStays) {
  Planned voice(std::vector<Ending>(2, Ending::end_token));
  CodeSentences sentences(voice, kFirst, {});
  sentences.say({{8}, {}}, {});
  sentences.say({{9}, {}}, {});
  EXPECT_THAT(voice.requests[1].tokens_S, ElementsAre(1, 2, 3, 9));
  EXPECT_EQ(voice.requests[1].prompt_tokens, 3);
  EXPECT_THAT(voice.requests[1].prompt_FQ, ElementsAre(50, 51));
}

TEST(CodeSentences, ASlidingPromptIsTheSentenceBeforeUnlessItIsLongOrBad) {
  Planned voice({Ending::end_token, Ending::end_token, Ending::end_token, Ending::limit, Ending::end_token});
  voice.long_call = 3;
  CodeSentences sentences(voice, kFirst, {.sliding = true, .tries = 1});
  for (std::int64_t i = 0; i < 5; ++i) sentences.say({{10 + i}, {}}, {});
  EXPECT_THAT(voice.requests[0].tokens_S, ElementsAre(1, 2, 3, 10));
  EXPECT_THAT(voice.requests[1].tokens_S, ElementsAre(10, 11));
  EXPECT_THAT(voice.requests[1].prompt_FQ, ElementsAre(1)) << "what the first call made";
  EXPECT_THAT(voice.requests[2].tokens_S, ElementsAre(11, 12));
  EXPECT_THAT(voice.requests[3].tokens_S, ElementsAre(11, 13)) << "nine frames are no prompt: the last good one stays";
  EXPECT_THAT(voice.requests[4].tokens_S, ElementsAre(11, 14)) << "neither is a runaway";
}

TEST(CodeSentences, AsTheReferenceDrawsIt) {
  Planned voice(std::vector<Ending>(3, Ending::end_token), {"en", "zh"});
  const CodeContext first{{{1, 2}, {1, 1}}, {50}, 1};
  CodeSentences sentences(voice, first, {.sliding = true, .becomes_prompt = [](std::size_t i) { return i == 0; }});
  for (std::int64_t i = 0; i < 3; ++i) sentences.say({{10 + i}, {0}}, {});
  EXPECT_THAT(voice.requests[1].tokens_S, ElementsAre(10, 11));
  EXPECT_THAT(voice.requests[1].languages_S, ElementsAre(1, 0)) << "the prompt's language is the first prompt's";
  EXPECT_THAT(voice.requests[2].tokens_S, ElementsAre(1, 2, 12)) << "not drawn: the first prompt again";
  EXPECT_THAT(voice.requests[2].languages_S, ElementsAre(1, 1, 0));
}

TEST(CodeSentences, RequestsThatCannotBeAreRefused) {
  Planned voice({Ending::end_token}, {"en"});
  const auto refused = [&](const std::function<void(CodeRequest&)>& change) {
    CodeRequest bad = request();
    bad.languages_S = {0, 0};
    change(bad);
    return bad;
  };
  EXPECT_THROW(voice.generate(refused([](auto& r) { r.tokens_S.clear(); })), UsageError);
  EXPECT_THROW(voice.generate(refused([](auto& r) { r.languages_S = {0}; })), UsageError);
  EXPECT_THROW(voice.generate(refused([](auto& r) { r.languages_S = {0, 1}; })), UsageError);
  EXPECT_THROW(voice.generate(refused([](auto& r) { r.prompt_tokens = 3; })), UsageError);
  EXPECT_THROW(voice.generate(refused([](auto& r) { r.sampling.temperature = 0; })), UsageError);
  EXPECT_THROW(voice.generate(refused([](auto& r) { r.prompt_FQ = {5}; })), DataError) << "0 frames of 1 codebook";
  try {
    voice.generate(refused([](auto& r) {
      r.prompt_FQ = {5, 100};
      r.prompt_frames = 2;
    }));
    FAIL() << "a code outside the codebook";
  } catch (const DataError& problem) {
    EXPECT_STREQ(problem.what(), "the prompt's frame 1, codebook 0 is the code 100; planned knows 0 … 99");
  }
}

TEST(CodeSentences, WhatEndsByItselfIsJudged) {
  Planned voice({Ending::end_token, Ending::end_token, Ending::end_token});
  EndingCounts counts;
  const Judge judge = [](const CodeUtterance& made) {
    return made.frames == 1 ? Ending::cut_short : made.frames == 2 ? Ending::silence : Ending::end_token;
  };
  const CodeUtterance made = generate_until_ended(voice, request(), 5, counts, judge);
  EXPECT_EQ(made.frames, 3);
  EXPECT_EQ(made.ending, Ending::end_token);
  EXPECT_EQ(counts.text(), "1 sentence, 2 further tries with other seeds (1 too short for its text, 1 silent)");
  Planned hopeless({Ending::end_token, Ending::end_token});
  counts = {};
  EXPECT_EQ(generate_until_ended(hopeless, request(), 2, counts, judge).ending, Ending::cut_short)
      << "something that is heard is better than silence";
  EXPECT_EQ(counts.given_up, 1);
}

}  // namespace
}  // namespace timbre::voice
