#include <gtest/gtest.h>

#include <cmath>

#include "codecs/hifigan/config.h"
#include "codecs/hifigan/engine_vocoder.h"
#include "codecs/hifigan/model.h"
#include "codecs/hifigan/model_vocoder.h"
#include "weights/faults_for_test.h"
#include "weights/safetensors.h"

namespace timbre::hifigan {
namespace {

/// The same folder through the engine and through LibTorch, long enough that both cut it into pieces.
TEST(HifiganEngineVocoder, EqualsTheLibTorchModel) {
  const weights::planting::TemporaryFolder folder;
  Config config;
  apply_debug(config);
  const Generator network(config);
  weights::write_safetensors(folder.path() / "model.safetensors", network.state_dict());
  const roles::VoiceFiles files{.dir = folder.path(), .about = about_network(config), .vocoder = {}};
  const auto engine = open_engine_vocoder(files), model = open_vocoder(files);
  EXPECT_EQ(engine->name(), model->name());
  for (const std::int64_t frames : {1, 2, 30, 720}) {
    std::vector<float> mel_FM(static_cast<std::size_t>(frames * config.mel.mels));
    for (std::size_t i = 0; i < mel_FM.size(); ++i) mel_FM[i] = -3 + 2 * std::sin(0.37f * static_cast<float>(i));
    const auto got_N = engine->synthesize(mel_FM, frames), want_N = model->synthesize(mel_FM, frames);
    ASSERT_EQ(got_N.size(), want_N.size());
    ASSERT_EQ(got_N.size(), static_cast<std::size_t>(frames * config.mel.hop_samples));
    float loudest = 0;
    for (std::size_t i = 0; i < got_N.size(); ++i) {
      ASSERT_NEAR(got_N[i], want_N[i], 2e-5) << frames << " frames, sample " << i;
      loudest = std::max(loudest, std::abs(want_N[i]));
    }
    EXPECT_GT(loudest, 1e-3f);
  }
}

}  // namespace
}  // namespace timbre::hifigan
