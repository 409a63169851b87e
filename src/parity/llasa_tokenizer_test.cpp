#include <gtest/gtest.h>

#include "parity/sets.h"
#include "roles/golden.h"
#include "support/golden.h"

namespace timbre::parity {
namespace {

TEST(LlasaTokenizerParity, EveryEntry) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "llasa_tokenizer");
  roles::Registry registry;
  register_all_sets(registry);
  roles::ParityRun run(folder);
  registry.parity_sets().at(run.set())(run);
  int judged = 0;
  for (const auto& row : run.judge()) {
    EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
    ++judged;
  }
  EXPECT_GT(judged, 500);
}

}  // namespace
}  // namespace timbre::parity
