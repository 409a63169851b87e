#include "codecs/xcodec2/parity.h"

#include <gtest/gtest.h>

#include "support/golden.h"

namespace timbre::xcodec2 {
namespace {

TEST(Xcodec2Parity, ComputesTheWholeGoldenSet) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "xcodec2");
  roles::ParityRun run(folder);
  run_parity(run);
  const auto rows = run.judge();
  EXPECT_GT(rows.size(), 40u);
  for (const auto& row : rows) EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
}

}  // namespace
}  // namespace timbre::xcodec2
