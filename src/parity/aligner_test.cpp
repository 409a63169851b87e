#include <gtest/gtest.h>

#include "parity/sets.h"
#include "roles/golden.h"
#include "support/golden.h"
#include "text/lexicon.h"

namespace timbre::parity {
namespace {

TEST(AlignerParity, ComputesTheWholeSet) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "aligner");
  roles::Registry registry;
  register_all_sets(registry);
  roles::ParityRun run(folder);
  registry.parity_sets().at(run.set())(run);
  const auto rows = run.judge();
  EXPECT_GT(rows.size(), 80u);
  for (const auto& row : rows) EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
}

TEST(AlignerParity, DictionaryHasEveryEntryInItsOrder) {
  EXPECT_EQ(text::cmudict_pronunciations("minute"),
            (std::vector<std::string>{"M IH1 N AH0 T", "M AY0 N UW1 T", "M AY0 N Y UW1 T"}));
  EXPECT_EQ(text::cmudict_pronunciations("also"), (std::vector<std::string>{"AO1 L S OW0"}));
  EXPECT_TRUE(text::cmudict_pronunciations("kubernetes").empty());
}

}  // namespace
}  // namespace timbre::parity
