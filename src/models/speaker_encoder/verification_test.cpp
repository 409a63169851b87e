#include "models/speaker_encoder/verification.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace timbre::speaker_encoder {
namespace {

double rate(const std::vector<double>& same, const std::vector<double>& different) {
  return equal_error_rate(same, different);
}

TEST(EqualErrorRate, OfPlainCases) {
  EXPECT_EQ(rate({0.9, 0.8}, {0.1, 0.2}), 0);
  EXPECT_EQ(rate({0.1, 0.2}, {0.9, 0.8}), 1);
  EXPECT_EQ(rate({0.5}, {0.5}), 0.5);
  // Between 0.4 and 0.6 one of four is refused and one of four accepted.
  EXPECT_DOUBLE_EQ(rate({0.9, 0.8, 0.6, 0.3}, {0.7, 0.4, 0.2, 0.1}), 0.25);
  // No threshold makes both equal: from (refused 0, accepted 1/2) to (1, 1/2) they meet half way.
  EXPECT_DOUBLE_EQ(rate({0.5}, {0.4, 0.6}), 0.5);
  EXPECT_DOUBLE_EQ(rate({0.5, 0.7, 0.8}, {0.1, 0.2, 0.3, 0.6}), 0.25);
  EXPECT_THROW(rate({}, {0.1}), std::logic_error);
}

}  // namespace
}  // namespace timbre::speaker_encoder
