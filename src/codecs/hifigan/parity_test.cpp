#include "codecs/hifigan/parity.h"

#include <gtest/gtest.h>

#include "support/parity.h"

namespace timbre::hifigan {
namespace {

TEST(HifiganParity, ComputesTheWholeGoldenSet) { testing_support::expect_whole_set("hifigan", run_parity, 80); }

}  // namespace
}  // namespace timbre::hifigan
