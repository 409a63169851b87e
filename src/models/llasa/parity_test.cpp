#include "models/llasa/parity.h"

#include <gtest/gtest.h>

#include "models/llasa/parity_trainer.h"

namespace timbre::llasa {
namespace {

/// Every entry of a set of other sizes than the shipped one, within its bound.
TEST(LlasaParity, ComputesWhatTransformersAndPeftCompute) {
  roles::ParityRun run("tests/golden/llasa_lm");
  run_lm_parity(run);
  run_adamw_parity(run);
  run_trainer_parity(run);
  const auto rows = run.judge();
  EXPECT_GT(rows.size(), 225u);
  for (const auto& row : rows) EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
}

}  // namespace
}  // namespace timbre::llasa
