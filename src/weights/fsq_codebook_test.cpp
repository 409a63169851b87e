#include "weights/fsq_codebook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace timbre::weights {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(FsqCodebook, CountsWithTheFirstDigitLeastSignificant) {
  const FsqCodebook book({8, 5, 3});
  EXPECT_EQ(book.size(), 120);
  EXPECT_THAT(book.steps(), ElementsAre(1, 8, 40));
  std::int64_t digits[3];
  book.digits(1 + 8 * 4 + 40 * 2, digits);
  EXPECT_THAT(digits, ElementsAre(1, 4, 2));
  EXPECT_EQ(book.index(digits), 113);
}

TEST(FsqCodebook, CoordinatesOfOddAndEvenLevels) {
  const FsqCodebook book({4, 5, 7, 2});
  float vector[4];
  book.vector(0, vector);
  EXPECT_THAT(vector, ElementsAre(-1, -1, -1, -1));
  book.vector(book.size() - 1, vector);
  EXPECT_THAT(vector, ElementsAre(0.5f, 1, 1, 0));
  const std::int64_t middle[] = {2, 2, 4, 1};
  book.vector(book.index(middle), vector);
  EXPECT_THAT(vector, ElementsAre(0, 0, 1.0f / 3, 0));
}

TEST(FsqCodebook, EveryIndexComesBack) {
  const FsqCodebook book({3, 4, 5});
  std::vector<std::int64_t> digits(3);
  std::set<std::vector<std::int64_t>> seen;
  const auto all = book.all_digits();
  for (std::int64_t index = 0; index < book.size(); ++index) {
    book.digits(index, digits);
    EXPECT_EQ(book.index(digits), index);
    EXPECT_EQ(all[static_cast<std::size_t>(index * 3 + 1)], digits[1]);
    seen.insert(digits);
  }
  EXPECT_EQ(seen.size(), 60u);
}

TEST(FsqCodebook, RefusesWhatIsNoCodebookAndNoCode) {
  EXPECT_THROW(FsqCodebook({}), UsageError);
  EXPECT_THROW(FsqCodebook({4, 1}), UsageError);
  EXPECT_THROW(FsqCodebook({65536, 65536}), UsageError);
  const FsqCodebook book({4, 4});
  std::int64_t digits[2];
  float vector[2];
  EXPECT_THAT([&] { book.digits(16, digits); }, ThrowsMessage<DataError>(HasSubstr("code 16 is out of range")));
  EXPECT_THROW(book.vector(-1, vector), DataError);
  const std::int64_t wrong[] = {0, 4};
  EXPECT_THAT([&] { book.index(wrong); }, ThrowsMessage<DataError>(HasSubstr("digit 1 of a code is 4")));
  EXPECT_THROW(FsqCodebook({257}).all_digits(), DataError);
}

}  // namespace
}  // namespace timbre::weights
