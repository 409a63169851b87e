#include "kernels/lstm.h"

#include "kernels/numbers_for_test.h"

namespace timbre::kernels {
namespace {

TEST(Lstm, SeveralSequencesTogetherAreEachAsAlone) {
  const std::int64_t inputs = 11, hidden = 40;
  const Lstm lstm(numbers(4 * hidden * inputs, 1, 0.4f), numbers(4 * hidden * hidden, 2, 0.3f), numbers(4 * hidden, 3),
                  numbers(4 * hidden, 4), inputs, hidden);
  struct One {
    std::vector<float> x, h, c, y;
    Aligned<float> scratch;
  };
  std::vector<One> together, alone;
  std::vector<Lstm::Sequence> sequences;
  for (const std::int64_t rows : {7, 1, 30, 0, 12}) {
    const auto n = static_cast<std::size_t>(hidden);
    alone.push_back({numbers(rows * inputs, static_cast<unsigned>(rows)), numbers(hidden, 8), numbers(hidden, 9),
                     std::vector<float>(static_cast<std::size_t>(rows) * n),
                     Aligned<float>(static_cast<std::size_t>(lstm.scratch(rows)))});
  }
  together = alone;
  for (One& one : together)
    sequences.push_back({one.x.data(), static_cast<std::int64_t>(one.x.size()) / inputs, one.h.data(), one.c.data(),
                         one.y.data(), one.scratch.data()});
  lstm.run_together(sequences);
  for (std::size_t i = 0; i < alone.size(); ++i) {
    One& one = alone[i];
    lstm.run(one.x.data(), static_cast<std::int64_t>(one.x.size()) / inputs, one.h.data(), one.c.data(), one.y.data(),
             one.scratch.data());
    EXPECT_EQ(one.y, together[i].y) << i;
    EXPECT_EQ(one.h, together[i].h) << i;
    EXPECT_EQ(one.c, together[i].c) << i;
  }
}

}  // namespace
}  // namespace timbre::kernels
