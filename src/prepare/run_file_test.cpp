#include "prepare/run_file.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace timbre::prepare {
namespace {

TEST(RunFile, TakesOnlyWhatItKnows) {
  std::int64_t rate_hz = 1, hop = 2, untouched = 3;
  std::vector<std::int64_t> sizes;
  config::Fields f;
  f.add("mel.rate_hz", rate_hz, "");
  f.add("mel.hop", hop, "");
  f.add("sizes", sizes, "");
  f.add("optim.other", untouched, "");
  assign_known(f, "model: x\noptim: {lr: 0.1}\nmel:\n  rate_hz: 16000\nmel.hop: 200\nsizes: [1, 2]\n", "r.yaml");
  EXPECT_EQ(rate_hz, 16000);
  EXPECT_EQ(hop, 200);
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(untouched, 3);
}

TEST(RunFile, ErrorsNameTheFile) {
  std::int64_t rate_hz = 1;
  config::Fields f;
  f.add("rate_hz", rate_hz, "");
  for (const char* yaml : {"rate_hz: fast\n", "rate_hz: [\n", "- a\n"}) {
    try {
      assign_known(f, yaml, "r.yaml");
      ADD_FAILURE() << yaml;
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find("r.yaml"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace timbre::prepare
