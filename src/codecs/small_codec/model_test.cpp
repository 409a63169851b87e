#include "codecs/small_codec/model.h"

#include <ATen/Parallel.h>
#include <ATen/ops/abs.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "codecs/small_codec/model_codec.h"
#include "codecs/small_codec/recipe.h"
#include "corpus/corpus.h"
#include "nn/init.h"
#include "train/tiny_for_test.h"

namespace timbre::small_codec {
namespace {

using testing::HasSubstr;

Config tiny() {
  Config config;
  apply_debug(config);
  return config;
}

/// Glides of a few harmonics.
std::vector<float> voice(std::int64_t samples, double pitch_hz) {
  std::vector<float> wave_N;
  double phase = 0;
  for (std::int64_t n = 0; n < samples; ++n) {
    phase += 2 * std::numbers::pi * (pitch_hz + 20 * std::sin(static_cast<double>(n) / 3000)) / 16000;
    wave_N.push_back(
        static_cast<float>(0.2 * std::sin(phase) + 0.1 * std::sin(2 * phase) + 0.05 * std::sin(5 * phase)));
  }
  return wave_N;
}

struct Opened {
  Opened() {
    at::set_num_threads(1);
    const nn::InitSeed seed(5);
    network = std::make_unique<SmallCodec>(config);
    network->eval();
    codec = codec_over(*network);
  }
  Config config = tiny();
  std::unique_ptr<SmallCodec> network;
  std::unique_ptr<roles::Codec> codec;
};

TEST(SmallCodec, HasItsSizes) {
  for (const auto apply : {apply_small, apply_single}) {
    Config config;
    apply(config);
    EXPECT_TRUE(config.problems().empty());
    const SmallCodec network(config);
    EXPECT_LE(network.parameter_count(), 4'000'000);
    EXPECT_LE(config.rate_hz, 50 * config.frame_samples());
    EXPECT_LE(config.codebook_size(), 65536);
  }
}

TEST(SmallCodec, StreamsGiveWhatTheWholeGives) {
  const Opened o;
  for (const std::int64_t samples : {1, 319, 320, 321, 8000, 16123}) {
    const auto wave_N = voice(samples, 110);
    const roles::Codes whole = o.codec->encode(wave_N);
    ASSERT_EQ(whole.segments[0].frames, (samples + 319) / 320);
    for (const std::size_t piece : {77u, 1000u, 3201u}) {
      const auto encoding = o.codec->encode_stream(0);
      std::vector<std::int32_t> codes;
      for (std::size_t from = 0; from < wave_N.size(); from += piece)
        for (const auto code : encoding->push(std::span(wave_N).subspan(from, std::min(piece, wave_N.size() - from))))
          codes.push_back(code);
      for (const auto code : encoding->finish()) codes.push_back(code);
      EXPECT_EQ(codes, whole.segments[0].codes_FQ) << samples << " by " << piece;
    }
    const auto decoded_N = o.codec->decode(whole);
    ASSERT_EQ(static_cast<std::int64_t>(decoded_N.size()), samples);
    for (const std::size_t frames : {1u, 3u, 7u}) {
      const auto decoding = o.codec->decode_stream(2);
      std::vector<float> streamed_N;
      const std::span<const std::int32_t> all = whole.segments[0].codes_FQ;
      for (std::size_t from = 0; from < all.size(); from += 2 * frames)
        for (const float x : decoding->push(all.subspan(from, std::min(2 * frames, all.size() - from))))
          streamed_N.push_back(x);
      for (const float x : decoding->finish()) streamed_N.push_back(x);
      ASSERT_GE(streamed_N.size(), decoded_N.size());
      for (std::size_t n = 0; n < decoded_N.size(); ++n) ASSERT_NEAR(streamed_N[n], decoded_N[n], 1e-5) << n;
    }
  }
}

TEST(SmallCodec, TrainingSeesWhatTheRoleComputes) {
  const Opened o;
  const auto wave_N = voice(6400, 140);
  const at::NoGradGuard no_grad;
  const Tensor wave_1N = nn::to_torch(weights::Tensor::of<float>({1, 6400}, wave_N));
  const auto quantised = o.network->quantiser.forward(o.network->encode(wave_1N), 2);
  const roles::Codes codes = o.codec->encode(wave_N);
  const auto batch_codes = nn::from_torch(quantised.codes_BFQ.contiguous()).to_i64();
  EXPECT_EQ(std::vector<std::int64_t>(codes.segments[0].codes_FQ.begin(), codes.segments[0].codes_FQ.end()),
            batch_codes);
  const auto decoded = nn::from_torch(o.network->decode(quantised.out_BFD).contiguous()).to_f32();
  const auto role = o.codec->decode(codes);
  for (std::size_t n = 0; n < role.size(); ++n) ASSERT_NEAR(decoded[n], role[n], 1e-5) << n;
  // The first codebook alone is the beginning of both.
  const roles::Codes first = o.codec->encode(wave_N, 1);
  for (std::int64_t f = 0; f < first.segments[0].frames; ++f)
    ASSERT_EQ(first.segments[0].codes_FQ[static_cast<std::size_t>(f)],
              codes.segments[0].codes_FQ[static_cast<std::size_t>(2 * f)]);
}

TEST(SmallCodec, SaysWhatIsWrong) {
  const Opened o;
  std::vector<float> wave_N(1000, 0.1f);
  EXPECT_THROW(o.codec->encode({}), DataError);
  EXPECT_THROW(o.codec->encode(wave_N, 3), UsageError);
  wave_N[700] = std::nanf("");
  try {
    o.codec->encode(wave_N);
    ADD_FAILURE();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("sample 700 is nan"));
  }
  roles::Codes codes{.codebooks = 1, .samples = 640, .segments = {{.codes_FQ = {1, 1000}, .frames = 2}}};
  try {
    o.codec->decode(codes);
    ADD_FAILURE();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("frame 1, codebook 0: code 1000 is out of range"));
  }
  EXPECT_EQ(o.codec->codebooks_of(1.0), 2);  // 50 frames of 2 × 10 bits
  EXPECT_THROW(o.codec->codebooks_of(6), UsageError);
}

TEST(SmallCodec, LearnsABatchByHeartAndIsReadFromItsFolder) {
  at::set_num_threads(1);
  const train::Scratch folder;
  corpus::CorpusWriter writer(folder / "corpus");
  for (int i = 0; i < 3; ++i) {
    audio::write_audio(folder / fmt::format("{}.wav", i), voice(9600, 100 + 40 * i), 16000);
    writer.add({.id = fmt::format("v{}", i),
                .audio = (folder / fmt::format("{}.wav", i)).string(),
                .text = fmt::format("Text number {}.", i),
                .duration_s = 0.6,
                .rate_hz = 16000,
                .channels = 1});
  }
  writer.finish({{"name", "voices"}, {"licence", "CC0"}});
  Config config = tiny();
  config.split.valid = 1;
  config.adversarial.first_step = 30;
  Recipe recipe(config);
  train::TrainOptions options = train::tiny_options();
  options.optim = {.kind = "adamw", .lr = 3e-3, .beta1 = 0.8, .beta2 = 0.99, .clip_norm = 5};
  options.schedule.kind = "constant";
  options.ema = 0;
  options.batch.items = 2;
  const std::size_t items[] = {0, 1};
  const auto loss = [&] {
    const at::NoGradGuard no_grad;
    const batch::Batch batch = recipe.collate(train::Split::train, items);
    return recipe.validate(batch, {.training = false})[0].sum.item<double>() / 2;
  };
  {
    const nn::InitSeed seed(7);
    recipe.open({.corpus = folder / "corpus", .seed = 7});
  }
  const double before = loss();
  options.max_steps = 40;
  const train::Ranks ranks;
  train::Job job{.recipe = recipe, .options = options, .ranks = ranks, .run = folder / "run"};
  train::train(job);
  EXPECT_LT(loss(), 0.6 * before);
  recipe.write_voice(folder / "codec", recipe.model().state_dict(), nlohmann::json::object());
  const auto opened = open_codec({folder / "codec", parse_json(read_file(folder / "codec/voice.json"), "voice.json")});
  const auto wave_N = voice(9600, 120);
  EXPECT_EQ(opened->encode(wave_N).segments[0].codes_FQ,
            codec_over(dynamic_cast<Learner&>(recipe.model()).codec)->encode(wave_N).segments[0].codes_FQ);
}

}  // namespace
}  // namespace timbre::small_codec
