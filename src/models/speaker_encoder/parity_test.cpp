#include "models/speaker_encoder/parity.h"

#include <gtest/gtest.h>

#include "support/parity.h"
#include "support/plugins.h"

namespace timbre::speaker_encoder {
namespace {

TEST(SpeakerEncoderParity, ComputesTheWholeGoldenSet) {
  TIMBRE_NEED_PLUGIN("webrtcvad");
  testing_support::expect_whole_set("speaker_encoder", run_parity, 200);
}

}  // namespace
}  // namespace timbre::speaker_encoder
