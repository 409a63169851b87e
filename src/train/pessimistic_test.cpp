#include "train/pessimistic.h"

#include <gtest/gtest.h>

namespace timbre::train {
namespace {

/// What lhotse 1.33's find_pessimistic_batches says of the same batches.
TEST(Pessimistic, FindsLhotsesSixBatches) {
  const std::vector<double> seconds = {9.0, 1.0, 4.0, 4.0, 4.0, 1.5, 1.5, 1.5, 1.5, 2.0};
  const std::vector<std::vector<std::size_t>> batches = {{1, 9}, {0}, {2, 3, 4}, {5, 6, 7, 8}};
  const auto found = pessimistic_batches(batches, seconds);
  ASSERT_EQ(found.size(), 6u);
  const auto expect = [&](std::size_t i, const char* text, std::size_t batch) {
    EXPECT_EQ(found[i].text(), text);
    EXPECT_EQ(found[i].batch, batch) << text;
  };
  expect(0, "single_longest_cut = 9 s", 1);
  expect(1, "single_longest_supervision = 9 s", 1);
  expect(2, "largest_batch_cuts_duration = 12 s", 2);
  expect(3, "largest_batch_supervisions_duration = 12 s", 2);
  expect(4, "max_num_cuts = 4", 3);
  expect(5, "max_num_supervisions = 4", 3);
  EXPECT_TRUE(pessimistic_batches({}, seconds).empty());
}

/// Of equal ones the first counts.
TEST(Pessimistic, KeepsTheFirstOfEquals) {
  const std::vector<double> seconds = {2, 2, 2};
  for (const Pessimistic& one : pessimistic_batches({{0}, {1}, {2}}, seconds)) EXPECT_EQ(one.batch, 0u);
}

}  // namespace
}  // namespace timbre::train
