#include "codecs/xcodec2/parity.h"

#include <gtest/gtest.h>

#include "support/parity.h"

namespace timbre::xcodec2 {
namespace {

TEST(Xcodec2Parity, ComputesTheWholeGoldenSet) { testing_support::expect_whole_set("xcodec2", run_parity, 40); }

}  // namespace
}  // namespace timbre::xcodec2
