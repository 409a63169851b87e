#include <gtest/gtest.h>

#include "parity/sets.h"
#include "roles/golden.h"
#include "support/golden.h"

namespace timbre::parity {
namespace {

TEST(ValleDataParity, ReadsLhotsesCodes) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "valle_data");
  roles::Registry registry;
  register_all_sets(registry);
  roles::ParityRun run(folder);
  registry.parity_sets().at(run.set())(run);
  int values = 0, facts = 0;
  for (const auto& row : run.judge()) {
    const bool value = row.entry.starts_with("cases.safetensors:codes.");
    const bool fact = row.entry.starts_with("cases.json:/codes/");
    if (value || fact) EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
    values += value;
    facts += fact;
  }
  EXPECT_GT(values, 0);
  EXPECT_GT(facts, 0);
}

}  // namespace
}  // namespace timbre::parity
