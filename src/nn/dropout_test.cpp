#include "nn/dropout.h"

#include <ATen/Parallel.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/rng.h"
#include "nn/simd.h"

namespace timbre::nn {
namespace {

/// The naive twin: Philox 4×32 with 7 rounds, 16 lanes a block, halves of words in the order of the kernel.
std::uint16_t noise(simd::NoiseKey key, std::uint64_t element) {
  const std::uint64_t block = element / 128, place = element % 128, part = place / 16, lane = place % 16,
                      first = block * 16;
  std::array<std::uint32_t, 4> c = {static_cast<std::uint32_t>(first) + static_cast<std::uint32_t>(lane),
                                    static_cast<std::uint32_t>(first >> 32), static_cast<std::uint32_t>(key.call),
                                    static_cast<std::uint32_t>(key.call >> 32)};
  std::uint32_t k0 = static_cast<std::uint32_t>(key.key), k1 = static_cast<std::uint32_t>(key.key >> 32);
  for (int round = 0; round < 7; ++round) {
    const std::uint64_t p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  const std::uint32_t word = c[part / 2];
  return static_cast<std::uint16_t>(part % 2 == 0 ? word : word >> 16);
}

TEST(Dropout, NoiseIsPhilox) {
  for (const simd::NoiseKey key :
       {simd::NoiseKey{0, 0}, simd::NoiseKey{0x123456789abcdefull, 77}, simd::NoiseKey{~0ull, 1ull << 40}})
    for (const std::uint64_t block : {0ull, 5ull, (1ull << 28) + 3}) {
      std::uint16_t got[128];
      simd::noise_block(key, block, got);
      for (std::uint64_t i = 0; i < 128; ++i) ASSERT_EQ(got[i], noise(key, block * 128 + i)) << i;
    }
}

TEST(Dropout, DropsItsShareAndScalesTheRest) {
  for (const double p : {0.1, 0.2, 0.5, 0.9}) {
    const NoiseScope scope(1, 2);
    const std::int64_t n = 400003;
    const Tensor y = dropout(at::ones({n}), p, true);
    const double dropped = y.eq(0).sum().item<double>() / static_cast<double>(n);
    EXPECT_NEAR(dropped, p, 5 * std::sqrt(p * (1 - p) / n));  // five standard deviations
    EXPECT_FLOAT_EQ(y.max().item<float>(), static_cast<float>(1 / (1 - p)));
    // Neighbours fall independently.
    const Tensor kept = y.ne(0).to(at::kDouble);
    const double both = (kept.narrow(0, 0, n - 1) * kept.narrow(0, 1, n - 1)).mean().item<double>();
    EXPECT_NEAR(both, (1 - p) * (1 - p), 5 * std::sqrt(0.25 / n));
  }
}

TEST(Dropout, BackwardUsesTheSameMask) {
  const NoiseScope scope(1, 2);
  const Tensor x = at::ones({1000}).set_requires_grad(true), residual = at::ones({1000}).set_requires_grad(true);
  const Tensor y = dropout(x, 0.3, true);
  y.sum().backward();
  EXPECT_TRUE(x.grad().equal(y.detach()));
  x.mutable_grad() = Tensor();
  const Tensor z = dropout_add(x, residual, 0.3, true);
  z.sum().backward();
  EXPECT_TRUE((x.grad() + 1).equal(z.detach()));
  EXPECT_TRUE(residual.grad().equal(at::ones({1000})));
}

TEST(Dropout, IsAFunctionOfSeedStepAndCall) {
  const Tensor x = at::ones({5000});
  const auto draw = [&](std::uint64_t seed, std::uint64_t step, std::uint32_t micro, std::uint32_t rank) {
    const NoiseScope scope(seed, step, micro, rank);
    const Tensor first = dropout(x, 0.5, true);
    return std::pair(first, dropout(x, 0.5, true));
  };
  const auto [a, second] = draw(1, 2, 0, 0);
  EXPECT_TRUE(a.equal(draw(1, 2, 0, 0).first));
  EXPECT_TRUE(second.equal(draw(1, 2, 0, 0).second));
  EXPECT_FALSE(a.equal(second));
  for (const auto& other : {draw(2, 2, 0, 0), draw(1, 3, 0, 0), draw(1, 2, 1, 0), draw(1, 2, 0, 1)})
    EXPECT_FALSE(a.equal(other.first));
}

TEST(Dropout, ThreadsChangeNothing) {
  const Tensor x = at::ones({300001});
  const int before = at::get_num_threads();
  const auto draw = [&](int threads) {
    at::set_num_threads(threads);
    const NoiseScope scope(4, 5);
    return dropout(x, 0.4, true);
  };
  const Tensor one = draw(1), two = draw(2);
  at::set_num_threads(before);
  EXPECT_TRUE(one.equal(two));
}

TEST(Dropout, OtherNumberTypesDrawTheSameMask) {
  const NoiseScope scope(1, 2);
  const Tensor f = dropout(at::ones({3000}), 0.5, true);
  const NoiseScope again(1, 2);
  const Tensor d = dropout(at::ones({3000}, at::TensorOptions(at::kDouble)), 0.5, true);
  EXPECT_TRUE(f.ne(0).equal(d.ne(0)));
}

TEST(Dropout, OffIsTheSameTensor) {
  const Tensor x = at::ones({3});
  EXPECT_TRUE(dropout(x, 0.5, false).is_same(x));
  EXPECT_TRUE(dropout(x, 0.0, true).is_same(x));
}

}  // namespace
}  // namespace timbre::nn
