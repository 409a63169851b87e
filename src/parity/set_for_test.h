#pragma once
#include <gtest/gtest.h>

#include "parity/sets.h"
#include "roles/golden.h"
#include "support/golden.h"

namespace timbre::parity {

/// Computes a set that needs no LibTorch, whichever it is by its set.json.
inline void compute(roles::ParityRun& run) {
  roles::Registry registry;
  register_all_sets(registry);
  registry.parity_sets().at(run.set())(run);
}

/// Expects those of the computed entries that `which(entry)` asks for within their bounds. Returns how many they are.
template <class Which>
int expect_entries(const roles::ParityRun& run, const Which& which) {
  int judged = 0;
  for (const auto& row : run.judge()) {
    if (!which(row.entry)) continue;
    EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
    ++judged;
  }
  return judged;
}

}  // namespace timbre::parity
