#include <gtest/gtest.h>

#include "parity/sets.h"
#include "roles/golden.h"
#include "support/golden.h"

namespace timbre::parity {
namespace {

/// Texts of all three back ends, the file of symbols, rows of texts: every entry.
TEST(ValleDataTextParity, ReadsTextsAsLifeitengsTokenizer) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "valle_data");
  roles::Registry registry;
  register_all_sets(registry);
  roles::ParityRun run(folder);
  registry.parity_sets().at(run.set())(run);
  int judged = 0;
  for (const auto& row : run.judge()) {
    const auto is = [&](const char* part) { return row.entry.find(part) != std::string::npos; };
    if (!is(":/text/") && !is("collater") && !is("symbol")) continue;
    EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
    ++judged;
  }
  EXPECT_GT(judged, 100);
}

}  // namespace
}  // namespace timbre::parity
