#include "codecs/hifigan/parity.h"

#include <gtest/gtest.h>

#include "support/golden.h"

namespace timbre::hifigan {
namespace {

TEST(HifiganParity, ComputesTheWholeGoldenSet) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "hifigan");
  roles::ParityRun run(folder);
  run_parity(run);
  const auto rows = run.judge();
  EXPECT_GT(rows.size(), 80u);
  for (const auto& row : rows) EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
}

}  // namespace
}  // namespace timbre::hifigan
