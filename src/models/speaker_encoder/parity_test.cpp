#include "models/speaker_encoder/parity.h"

#include <gtest/gtest.h>

#include "support/golden.h"
#include "support/plugins.h"

namespace timbre::speaker_encoder {
namespace {

TEST(SpeakerEncoderParity, ComputesTheWholeGoldenSet) {
  TIMBRE_NEED_PLUGIN("webrtcvad");
  TIMBRE_GOLDEN_OR_SKIP(folder, "speaker_encoder");
  roles::ParityRun run(folder);
  run_parity(run);
  const auto rows = run.judge();
  EXPECT_GT(rows.size(), 200u);
  for (const auto& row : rows) EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
}

}  // namespace
}  // namespace timbre::speaker_encoder
