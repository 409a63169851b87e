#include "models/valle/engine.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/error.h"
#include "base/rng.h"
#include "base/threads.h"
#include "models/valle/engine_synthesizer.h"
#include "models/valle/layout.h"

namespace timbre::valle {
namespace {

Config small(bool bos) {
  Config config;
  config.decoder_dim = 48;
  config.nhead = 3;
  config.num_decoder_layers = 2;
  config.num_quantizers = 3;
  config.codebook_size = 100;
  config.text_rows = 20;
  config.prepend_bos = bos;
  config.prompt_frames = 10;
  config.share_embedding = false;
  return config;
}

weights::TensorMap random_weights(const Config& config) {
  weights::TensorMap tensors;
  Philox random(3);
  for (const Slot& slot : layout(config)) {
    std::int64_t count = 1;
    for (const std::int64_t size : slot.shape) count *= size;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = static_cast<float>(0.3 * random.normal());
    tensors.insert(slot.name, weights::Tensor::of(slot.shape, std::move(values)));
  }
  return tensors;
}

/// The AR part says at every step what `head` says: 0 for the codes it does not name; 100 is the end.
Engine planted(const Config& config, const std::map<std::int64_t, float>& head) {
  weights::TensorMap tensors = random_weights(config);
  const auto width = static_cast<std::size_t>(config.decoder_dim);
  std::vector<float> one(width, 0.0f), rows(width * 101, 0.0f);
  one[0] = 1;
  for (const auto& [code, value] : head) rows[static_cast<std::size_t>(code) * width] = value;
  tensors.set("ar_decoder.norm.weight", weights::Tensor::of({config.decoder_dim}, std::vector<float>(width, 0.0f)));
  tensors.set("ar_decoder.norm.bias", weights::Tensor::of({config.decoder_dim}, one));
  tensors.set("ar_predict_layer.weight", weights::Tensor::of({101, config.decoder_dim}, rows));
  return {config, tensors, "planted"};
}

roles::CodeRequest request_of(const Config& config, std::uint64_t seed = 0) {
  roles::CodeRequest request;
  request.tokens_S = {1, 5, 7, 2};
  request.prompt_tokens = 2;
  request.prompt_frames = 3;
  for (std::int64_t i = 0; i < 3 * config.num_quantizers; ++i)
    request.prompt_FQ.push_back(static_cast<std::int32_t>(i));
  request.sampling.seed = seed;
  return request;
}

TEST(ValleEndings, EachIsToldApart) {
  const Config config = small(false);
  auto request = request_of(config);
  request.sampling.loop_frames = 20;
  const auto immediate = planted(config, {{100, 50.0f}}).generate(request);
  EXPECT_EQ(immediate.ending, roles::Ending::immediate);
  EXPECT_EQ(immediate.frames, 0);
  EXPECT_TRUE(immediate.codes_FQ.empty());

  const auto loop = planted(config, {{7, 50.0f}}).generate(request);
  EXPECT_EQ(loop.ending, roles::Ending::loop);
  EXPECT_EQ(loop.frames, 1) << "what was new before it went round";

  const auto runaway = planted(config, {{100, -50.0f}}).generate(request);
  EXPECT_EQ(runaway.ending, roles::Ending::limit);
  EXPECT_EQ(runaway.frames, 16 * 4 + 1);
  EXPECT_EQ(planted(small(true), {{100, -50.0f}}).generate(request).frames, 16 * 4);
  request.sampling.frames = 9;
  EXPECT_EQ(planted(config, {{100, -50.0f}}).generate(request).frames, 9);

  request.sampling.frames = 0;
  Engine speech = planted(config, {{3, 4.0f}, {4, 4.0f}, {5, 4.0f}, {6, 4.0f}, {100, 3.0f}});
  std::set<std::int64_t> lengths;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    request.sampling.seed = seed;
    const auto made = speech.generate(request);
    if (made.ending == roles::Ending::end_token) lengths.insert(made.frames);
  }
  EXPECT_GT(lengths.size(), 5u) << "seeds draw utterances of their own lengths";
}

TEST(ValleEndings, TheLikeliestEndCountsOnlyWhereTheReferenceListensToIt) {
  // The end is the likeliest, but mostly something else is drawn.
  Config config = small(true);
  auto request = request_of(config);
  const std::map<std::int64_t, float> head = {{100, 1.0f}};
  EXPECT_EQ(planted(config, head).generate(request).ending, roles::Ending::immediate);
  config.languages = {"en", "zh"};
  request.languages_S = {0, 0, 1, 1};
  EXPECT_GT(planted(config, head).generate(request).frames, 5) << "VALL-E X goes by what is drawn";
  request.sampling.least_frames = 30;
  EXPECT_GE(planted(config, head).generate(request).frames, 30);
}

TEST(ValleEngine, ThreadsAndCachesChangeNothing) {
  for (const char* name : {"valle", "vallf"})
    for (const bool norm_first : {true, false}) {
      Config config = small(false);
      config.model_name = name;
      config.norm_first = norm_first;
      const weights::TensorMap tensors = random_weights(config);
      auto request = request_of(config);
      request.sampling.frames = request.sampling.least_frames = 40;
      std::vector<std::int32_t> first;
      for (const int threads : {1, 2, 5}) {
        set_thread_count(threads);
        Engine engine(config, tensors, "random");
        const auto made = engine.generate(request);
        EXPECT_EQ(made.frames, 40);
        if (threads == 1) first = made.codes_FQ;
        EXPECT_EQ(made.codes_FQ, first) << name << ", " << threads << " threads";
        EXPECT_EQ(engine.generate(request).codes_FQ, first) << "an engine that spoke before";
      }
      set_thread_count(0);
    }
}

TEST(ValleEngine, TheBestOfSeveralIsTheLikeliestThatEnded) {
  for (const char* name : {"valle", "vallf"}) {
    Config config = small(true);
    config.model_name = name;
    if (config.network() == Network::valle) config.languages = {"en", "zh"};
    const weights::TensorMap tensors = random_weights(config);
    Engine engine(config, tensors, "random");
    auto request = request_of(config, 11);
    if (!config.languages.empty()) request.languages_S = {0, 0, 1, 1};
    request.sampling.temperature = 3;
    request.sampling.frames = 40;
    std::vector<roles::CodeUtterance> alone;
    for (std::int64_t beam = 0; beam < 6; ++beam) {
      auto one = request;
      one.sampling.seed = roles::beam_seed(11, beam);
      alone.push_back(engine.generate(one));
    }
    for (const double penalty : {1.0, 0.0}) {
      std::size_t best = 0;
      for (std::size_t i = 0; i < alone.size(); ++i) {
        const double from = penalty == 1 ? 1 : static_cast<double>(alone[i].frames + 4);  // start token, three frames
        const double to = penalty == 1 ? 1 : static_cast<double>(alone[best].frames + 4);
        const bool ended = alone[i].ending == roles::Ending::end_token,
                   best_ended = alone[best].ending == roles::Ending::end_token;
        if (ended != best_ended ? ended : alone[i].score * from > alone[best].score * to) best = i;
      }
      request.sampling.best_of = 6;
      request.sampling.length_penalty = penalty;
      const auto made = engine.generate(request);
      EXPECT_EQ(made.codes_FQ, alone[best].codes_FQ) << name << ", " << penalty;
      EXPECT_EQ(made.ending, alone[best].ending);
    }
    EXPECT_NE(alone[0].codes_FQ, alone[1].codes_FQ);
  }
}

TEST(ValleEngine, OneCodebookHasTablesThatNobodyReads) {
  Config config = small(true);
  config.num_quantizers = 1;
  config.languages = {"en", "zh"};
  Engine engine(config, random_weights(config), "random");
  auto request = request_of(config);
  request.languages_S = {0, 0, 1, 1};
  request.sampling.least_frames = 2;
  EXPECT_GT(engine.generate(request).frames, 0);
}

TEST(ValleEngine, RefusesWhatItCannotSay) {
  const Config config = small(false);
  const weights::TensorMap tensors = random_weights(config);
  EngineSynthesizer voice(config, tensors, "random");
  auto request = request_of(config);
  request.tokens_S = {1, 20};
  EXPECT_THROW(voice.generate(request), UsageError) << "a token beyond the text table";
  request = request_of(config);
  request.prompt_FQ.assign(static_cast<std::size_t>(51 * config.num_quantizers), 1);
  request.prompt_frames = 51;
  EXPECT_THROW(voice.generate(request), UsageError) << "a prompt longer than the context";
  request = request_of(config);
  request.prompt_FQ.clear();
  request.prompt_frames = 0;
  EXPECT_THROW(voice.generate(request), UsageError) << "no prompt for a network without start token";
  Config other = config;
  other.codebook_size = 101;
  EXPECT_THROW(Engine(other, tensors, "random"), DataError);
  other = config;
  other.model_name = "transformer";
  EXPECT_THROW(Engine(other, tensors, "random"), UsageError);
}

}  // namespace
}  // namespace timbre::valle
