#include "base/python_random.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace timbre {
namespace {

// The numbers are CPython 3.11's.
TEST(PythonRandom, draws_what_python_draws) {
  PythonRandom stages(0);
  for (const int stage : {7, 4, 7, 4, 1, 3, 5, 4, 4, 7}) EXPECT_EQ(stages.randint(1, 7), stage);
  PythonRandom weighted(0);
  const std::vector<double> weights(7, 1.0 / 7);
  for (const std::size_t picked : {5, 5, 2, 1, 3, 2, 5, 2}) EXPECT_EQ(weighted.choices(weights), picked);
  PythonRandom wide(12345678901234);
  EXPECT_EQ(wide.random(), 0.02504137575317178);
  EXPECT_EQ(wide.random(), 0.14532691110186335);
  EXPECT_EQ(wide.random(), 0.42619782335934575);
  EXPECT_EQ(wide.bits(40), 1062596856121u);
  EXPECT_EQ(wide.bits(64), 9108719223708003971u);
  std::vector<int> items = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  wide.shuffle(items);
  EXPECT_EQ(items, (std::vector<int>{0, 4, 8, 5, 1, 7, 9, 2, 3, 6}));
  EXPECT_EQ(wide.uniform(-1, 3), 0.9912712655070499);
  EXPECT_EQ(wide.choice(std::vector<int>{5, 6, 7}), 5);
}

TEST(PythonRandom, goes_on_from_a_state) {
  PythonRandom one(3);
  for (int i = 0; i < 1000; ++i) one.random();  // beyond the first 624 words
  PythonRandom other(9);
  other.set_state(one.state());
  for (int i = 0; i < 700; ++i) EXPECT_EQ(other.next_u32(), one.next_u32());
  PythonRandom thousand(0);
  for (int i = 0; i < 1000; ++i) thousand.random();
  EXPECT_EQ(thousand.random(), 0.9466893945947962);
}

TEST(PythonRandom, refuses_what_python_cannot_have) {
  PythonRandom::State state{};
  state[624] = 625;
  EXPECT_THROW(PythonRandom(0).set_state(state), DataError);
  EXPECT_THROW(PythonRandom(0).randint(2, 1), std::logic_error);
  EXPECT_THROW(PythonRandom(0).below(0), std::logic_error);
}

}  // namespace
}  // namespace timbre
