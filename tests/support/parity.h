#pragma once
#include "roles/golden.h"
#include "support/golden.h"

namespace timbre::testing_support {

/// Computes golden set `set` and expects every entry, more than `entries` of them, within its bound. Where the set is
/// missing: as TIMBRE_GOLDEN_OR_SKIP, so this must be a test's last statement.
inline void expect_whole_set(const char* set, void (*run_parity)(roles::ParityRun&), std::size_t entries) {
  TIMBRE_GOLDEN_OR_SKIP(folder, set);
  roles::ParityRun run(folder);
  run_parity(run);
  const auto rows = run.judge();
  EXPECT_GT(rows.size(), entries);
  for (const auto& row : rows) EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
}

}  // namespace timbre::testing_support
