#include "weights/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "weights/convert.h"

namespace timbre::weights {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Tensor, KnowsItsShapeAndBytes) {
  const Tensor mel_FM = Tensor::of<float>({2, 3}, {0, 1, 2, 3, 4, 5});
  EXPECT_EQ(mel_FM.numel(), 6);
  EXPECT_EQ(mel_FM.bytes(), 24);
  EXPECT_EQ(mel_FM.describe(), "f32 [2, 3]");
  EXPECT_EQ(mel_FM.as<float>()[4], 4.0f);
  EXPECT_EQ(Tensor::of<std::int64_t>({}, {7}).numel(), 1);
}

TEST(Tensor, RefusesAWrongNumberOfElementsAndAWrongType) {
  EXPECT_THROW(Tensor::of<float>({2, 3}, {1, 2}), UsageError);
  EXPECT_THROW(Tensor::of<float>({-1}, {}), UsageError);
  EXPECT_THROW(Tensor::of<float>({1ll << 62, 4}, {}), UsageError);
  EXPECT_THROW(Tensor::of<float>({1}, {1}).as<double>(), DataError);
  EXPECT_THROW(Tensor::of<float>({2}, {1, 2}).reshaped({3}), UsageError);
}

TEST(Tensor, ConvertsEveryRealType) {
  EXPECT_THAT(Tensor::of<std::int8_t>({2}, {-3, 4}).to_f32(), ElementsAre(-3, 4));
  EXPECT_THAT(Tensor::of<std::uint64_t>({1}, {1ull << 40}).to_f64(), ElementsAre(1099511627776.0));
  EXPECT_THAT(Tensor::of_booleans({2}, {1, 0}).to_f32(), ElementsAre(1, 0));
  EXPECT_THAT(Tensor::of<F16>({2}, {F16{0x3c00}, F16{0xc000}}).to_f32(), ElementsAre(1, -2));
  EXPECT_THAT(Tensor::of<BF16>({2}, {BF16{0x3f80}, BF16{0xc000}}).to_f32(), ElementsAre(1, -2));
  EXPECT_THROW(Tensor::of<std::complex<float>>({1}, {{1, 2}}).to_f32(), DataError);
}

TEST(Tensor, TurnsOnlyWholeNumbersIntoIntegers) {
  EXPECT_THAT(Tensor::of<float>({2}, {3, -4}).to_i64(), ElementsAre(3, -4));
  EXPECT_THROW(Tensor::of<float>({1}, {0.5f}).to_i64(), DataError);
  EXPECT_THROW(Tensor::of<double>({1}, {std::nan("")}).to_i64(), DataError);
}

TEST(Tensor, EveryHalfSurvivesTheWayThroughFloat) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const F16 half{static_cast<std::uint16_t>(bits)};
    const BF16 brain{static_cast<std::uint16_t>(bits)};
    if (!std::isnan(to_float(half))) ASSERT_EQ(to_f16(to_float(half)).bits, bits);
    if (!std::isnan(to_float(brain))) ASSERT_EQ(to_bf16(to_float(brain)).bits, bits);
  }
}

TEST(Tensor, RoundsToTheNearestEvenHalf) {
  // Between two neighbours the midpoint goes to the even one, and what lies beside it to the nearer one.
  for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const double low = to_float(F16{static_cast<std::uint16_t>(bits)}),
                 high = to_float(F16{static_cast<std::uint16_t>(bits + 1)});
    const auto middle = static_cast<float>((low + high) / 2);  // exact: halves have far fewer digits
    ASSERT_EQ(to_f16(middle).bits, bits % 2 ? bits + 1 : bits);
    ASSERT_EQ(to_f16(std::nextafter(middle, 0.0f)).bits, bits);
    ASSERT_EQ(to_f16(std::nextafter(middle, 1e9f)).bits, bits + 1);
  }
}

TEST(Tensor, RealsAreRoundedAndTheRestIsLeft) {
  EXPECT_EQ(reals_as(Tensor::of<float>({1}, {1.0f / 3}), DType::bf16).as<BF16>()[0].bits, 0x3eab);
  EXPECT_EQ(reals_as(Tensor::of<std::int32_t>({1}, {3}), DType::f16).dtype, DType::i32);
}

TEST(TensorMap, KeepsOrderAndNamesWhatIsMissing) {
  TensorMap map;
  map.insert("b", Tensor::of<float>({1}, {1}));
  map.insert("a", Tensor::of<float>({1}, {2}));
  map.insert("c", Tensor::of<float>({1}, {3}));
  EXPECT_THROW(map.insert("a", {}), DataError);
  map.set("b", Tensor::of<float>({1}, {9}));
  EXPECT_THAT(map.names(), ElementsAre("b", "a", "c"));
  map.erase("b");
  EXPECT_EQ(map.at("c").as<float>()[0], 3);
  EXPECT_FALSE(map.contains("b"));
  try {
    map.at("cc");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no tensor 'cc'"));
  }
}

}  // namespace
}  // namespace timbre::weights
