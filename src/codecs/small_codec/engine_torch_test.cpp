#include "codecs/small_codec/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "codecs/small_codec/model.h"
#include "codecs/small_codec/model_codec.h"
#include "nn/init.h"
#include "roles/network_folder.h"
#include "weights/faults_for_test.h"
#include "weights/safetensors.h"

namespace timbre::small_codec {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

/// A glide of a few harmonics with a pause in it.
std::vector<float> voice(std::int64_t samples) {
  std::vector<float> wave_N;
  double phase = 0;
  for (std::int64_t n = 0; n < samples; ++n) {
    phase += 2 * std::numbers::pi * (120 + 30 * std::sin(static_cast<double>(n) / 3000)) / 16000;
    const double loud = n / 4000 % 4 == 3 ? 1e-4 : 1;
    wave_N.push_back(static_cast<float>(loud * (0.2 * std::sin(phase) + 0.1 * std::sin(3 * phase))));
  }
  return wave_N;
}

/// A network of random weights in a folder, opened by both.
struct Both {
  explicit Both(const Config& config) {
    const nn::InitSeed seed(3);
    SmallCodec network(config);
    for (auto& [name, value] : network.named_parameters())  // norms and biases as well
      value.data().add_(nn::init_uniform(value.sizes().vec(), -0.1, 0.1));
    weights::write_safetensors(folder.path() / "model.safetensors", network.state_dict());
    const roles::VoiceFiles files{
        .dir = folder.path(), .about = {{"model", roles::about_model("small_codec", config)}}, .vocoder = {}};
    engine = open_engine(files);
    model = open_codec(files);
  }
  weights::planting::TemporaryFolder folder;
  std::unique_ptr<roles::Codec> engine, model;
};

Config odd() {
  Config config;
  apply_debug(config);
  config.fft_samples = 600;
  config.hop_samples = 150;
  config.mels = 33;
  config.lookahead = 0;
  config.encoder_width = 20;
  config.encoder_fine = 0;
  config.decoder_layers = 2;
  config.kernel = 1;
  config.filter = 1;
  config.pieces.samples = 6000;
  config.quantiser = {.codebooks = 3, .levels = {7, 2, 5}, .dropout = 0};
  return config;
}

Config without_projections() {
  Config config;
  apply_debug(config);
  config.encoder_width = 8;
  config.quantiser.levels = {2, 2, 3, 2, 2, 3, 2, 2};
  return config;
}

TEST(SmallCodecEngine, EqualsTheLibTorchModel) {
  Config small;
  apply_small(small);
  Config debug;
  apply_debug(debug);
  for (const Config& config : {debug, odd(), without_projections(), small}) {
    const Both both(config);
    for (const std::int64_t samples : {1, 5000, 33333}) {
      const auto wave_N = voice(samples);
      const roles::Codes got = both.engine->encode(wave_N), want = both.model->encode(wave_N);
      ASSERT_EQ(got.segments[0].frames, want.segments[0].frames);
      // A number on the border of two levels may fall to either side by rounding; then the books after it differ, too.
      std::size_t same = 0;
      for (std::size_t i = 0; i < want.segments[0].codes_FQ.size(); ++i)
        same += got.segments[0].codes_FQ[i] == want.segments[0].codes_FQ[i];
      EXPECT_GE(static_cast<double>(same), 0.99 * static_cast<double>(want.segments[0].codes_FQ.size()));
      const auto heard_N = both.engine->decode(want), expected_N = both.model->decode(want);
      ASSERT_EQ(heard_N.size(), expected_N.size());
      float loudest = 0;
      for (const float x : expected_N) loudest = std::max(loudest, std::abs(x));
      EXPECT_GT(loudest, 1e-3f);
      for (std::size_t n = 0; n < heard_N.size(); ++n) ASSERT_NEAR(heard_N[n], expected_N[n], 2e-5f * loudest) << n;
    }
  }
}

TEST(SmallCodecEngine, StreamsGiveWhatTheWholeGives) {
  const Both both(odd());
  const auto wave_N = voice(9000);
  const roles::Codes whole = both.engine->encode(wave_N);
  const auto encoding = both.engine->encode_stream(0), other = both.engine->encode_stream(1);
  std::vector<std::int32_t> codes;
  for (std::size_t from = 0; from < wave_N.size(); from += 700) {
    const auto piece = std::span(wave_N).subspan(from, std::min<std::size_t>(700, wave_N.size() - from));
    for (const auto code : encoding->push(piece)) codes.push_back(code);
    other->push(voice(400));  // another recording at the same time
  }
  for (const auto code : encoding->finish()) codes.push_back(code);
  EXPECT_EQ(codes, whole.segments[0].codes_FQ);
  const auto decoded_N = both.engine->decode(whole);
  const auto decoding = both.engine->decode_stream(3);
  std::vector<float> streamed_N;
  const std::span<const std::int32_t> all = whole.segments[0].codes_FQ;
  for (std::size_t from = 0; from < all.size(); from += 6)
    for (const float x : decoding->push(all.subspan(from, std::min<std::size_t>(6, all.size() - from))))
      streamed_N.push_back(x);
  for (const float x : decoding->finish()) streamed_N.push_back(x);
  ASSERT_GE(streamed_N.size(), decoded_N.size());
  for (std::size_t n = 0; n < decoded_N.size(); ++n) ASSERT_NEAR(streamed_N[n], decoded_N[n], 1e-5f) << n;
}

TEST(SmallCodecEngine, NamesWhatTheWeightsLack) {
  const Both both(odd());
  auto tensors = weights::read_safetensors(both.folder.path() / "model.safetensors");
  EXPECT_NO_THROW(Engine(odd(), tensors, "weights"));
  Config wider = odd();
  wider.decoder_width = 36;
  EXPECT_THAT([&] { Engine(wider, tensors, "weights"); },
              ThrowsMessage<DataError>(HasSubstr("weights: the weights do not fit the model; ")));
}

}  // namespace
}  // namespace timbre::small_codec
