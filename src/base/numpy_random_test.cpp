#include "base/numpy_random.h"

#include <gmock/gmock.h>

#include <numeric>

namespace timbre {
namespace {

// The numbers are NumPy 1.26's.
TEST(NumpyRandom, ShufflesAsNumpyDoes) {
  std::vector<int> ten = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  NumpyRandom(0).shuffle(ten);
  EXPECT_THAT(ten, testing::ElementsAre(2, 8, 4, 9, 1, 6, 7, 3, 0, 5));
  std::vector<int> many(300);
  std::iota(many.begin(), many.end(), 0);
  NumpyRandom(4294967295U).shuffle(many);
  EXPECT_THAT(std::vector<int>(many.begin(), many.begin() + 6), testing::ElementsAre(110, 21, 54, 6, 19, 166));
  std::vector<int> none;
  NumpyRandom(1).shuffle(none);
}

}  // namespace
}  // namespace timbre
