#include "models/valle/parity.h"
#include "models/valle/parity_runs.h"

#include <gtest/gtest.h>

namespace timbre::valle {
namespace {

/// Every entry of a cut-down set, more than `entries` of them, within its bound.
void expect_all(const char* folder, void (*run_parity)(roles::ParityRun&), std::size_t entries) {
  roles::ParityRun run(folder);
  run_parity(run);
  const auto rows = run.judge();
  EXPECT_GT(rows.size(), entries);
  for (const auto& row : rows) EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
}

TEST(ValleParity, ComputesWhatLifeitengComputes) {
  expect_all("tests/golden/valle_lifeiteng", run_lifeiteng_parity, 300);
}

/// Weights, averages, rates and log lines after a step from the reference's own optimiser state.
TEST(ValleParity, GoesOnFromLifeitengsState) {
  expect_all("tests/golden/valle_lifeiteng_resume", run_resumed_parity, 60);
}

/// Inference and forward passes, and the fork's two fine-tuning runs.
TEST(ValleParity, ComputesWhatVallEXComputes) {
  const auto both = [](roles::ParityRun& run) {
    run_vallex_parity(run);
    run_finetune_parity(run);
  };
  expect_all("tests/golden/valle_x", both, 390);
}

}  // namespace
}  // namespace timbre::valle
