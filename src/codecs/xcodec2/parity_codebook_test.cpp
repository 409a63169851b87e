#include <gtest/gtest.h>

#include "codecs/xcodec2/parity.h"
#include "support/golden.h"
#include "support/plugins.h"

namespace timbre::xcodec2 {
namespace {

TEST(CodebookParity, TablesAndCodeFilesOfTheGoldenSet) {
  TIMBRE_NEED_PLUGIN("fetch");
  TIMBRE_GOLDEN_OR_SKIP(folder, "codebook_io");
  roles::ParityRun run(folder);
  run_codebook_parity(run);
  std::size_t ours = 0;
  for (const auto& row : run.judge()) {
    const bool fsq = row.entry.find("fsq") != std::string::npos, npy = row.entry.find("npy") != std::string::npos;
    if (!fsq && !npy) continue;
    EXPECT_EQ(row.status, "ok") << row.entry << ": " << row.text;
    ++ours;
  }
  EXPECT_EQ(ours, 27u);
}

}  // namespace
}  // namespace timbre::xcodec2
