#include <gtest/gtest.h>

#include "codecs/hifigan/config.h"
#include "codecs/hifigan/engine_vocoder.h"
#include "codecs/hifigan/model.h"
#include "codecs/hifigan/model_vocoder.h"
#include "support/vocoder.h"
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
  testing_support::expect_same_vocoder(*engine, *model, {1, 2, 30, 720}, 2e-5f);
}

}  // namespace
}  // namespace timbre::hifigan
