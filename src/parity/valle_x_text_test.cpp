#include <gtest/gtest.h>

#include "parity/sets.h"
#include "roles/golden.h"
#include "support/golden.h"

namespace timbre::parity {
namespace {

/// Cleaners, ids, sentences: every entry of text.json.
TEST(ValleXTextParity, ReadsTextsAsThePhonemeTokenizer) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "valle_x_text");
  roles::Registry registry;
  register_all_sets(registry);
  EXPECT_TRUE(registry.expects_parity_of_networks("valle_x"));
  roles::ParityRun run(folder);
  registry.parity_sets().at(run.set())(run);
  int judged = 0;
  for (const auto& row : run.judge()) {
    if (!row.entry.starts_with("text.json:")) continue;
    EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
    ++judged;
  }
  EXPECT_GT(judged, 100);
}

}  // namespace
}  // namespace timbre::parity
