#include "codecs/encodec/parity.h"

#include <gtest/gtest.h>

#include "support/parity.h"

namespace timbre::encodec {
namespace {

TEST(EncodecParity, ComputesTheWholeGoldenSet) { testing_support::expect_whole_set("encodec", run_parity, 100); }

TEST(EncodecParity, ReadsAndWritesTheGoldenContainers) {
  TIMBRE_GOLDEN_OR_SKIP(folder, "codebook_io");
  roles::ParityRun run(folder);
  run_ecdc_parity(run);
  std::size_t seen = 0;
  for (const auto& row : run.judge()) {
    if (row.entry.find("ecdc") == std::string::npos && row.entry.find("bitpacker") == std::string::npos) continue;
    ++seen;
    EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
  }
  EXPECT_GT(seen, 20u);
}

}  // namespace
}  // namespace timbre::encodec
