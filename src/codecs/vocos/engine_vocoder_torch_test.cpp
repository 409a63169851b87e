#include <gtest/gtest.h>

#include "codecs/vocos/config.h"
#include "codecs/vocos/engine_vocoder.h"
#include "codecs/vocos/model.h"
#include "codecs/vocos/model_vocoder.h"
#include "support/vocoder.h"
#include "weights/faults_for_test.h"
#include "weights/safetensors.h"

namespace timbre::vocos {
namespace {

/// The same folder through the engine and through LibTorch, long enough that both cut it into pieces.
TEST(VocosEngineVocoder, EqualsTheLibTorchModel) {
  const weights::planting::TemporaryFolder folder;
  Config config;
  apply_debug(config);
  const Network network(config);
  weights::write_safetensors(folder.path() / "model.safetensors", network.state_dict());
  const roles::VoiceFiles files{.dir = folder.path(), .about = about_network(config), .vocoder = {}};
  ASSERT_EQ(engine_lacks(files), "");
  const auto engine = open_engine(files), model = open_vocoder(files);
  testing_support::expect_same_vocoder(*engine, *model, {1, 2, 30, 1150}, 2e-5f);
}

}  // namespace
}  // namespace timbre::vocos
