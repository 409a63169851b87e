#include "audio/stft.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "base/error.h"
#include "base/rng.h"

namespace timbre::audio {
namespace {

/// Against the definition at up to 40 bins, and back. `rounding`: of one operation.
template <class T>
void check_fft(std::int64_t n, double rounding) {
  constexpr std::int64_t kL = RealFft<T>::kLanes;
  const RealFft<T> fft(n);
  Philox random(7);
  Aligned<T> x(static_cast<std::size_t>(n * kL)), back(x.size()), re(static_cast<std::size_t>(fft.bins() * kL)),
      im(re.size()), scratch(fft.scratch_size());
  for (T& v : x) v = static_cast<T>(random.normal());
  fft.forward(x.data(), re.data(), im.data(), scratch.data());
  // Rounding of an FFT grows with log2 n; the bins are about √n large.
  const double bound =
      6 * rounding * std::sqrt(static_cast<double>(n)) * std::max(1.0, std::log2(static_cast<double>(n)));
  const std::int64_t step = std::max<std::int64_t>(1, fft.bins() / 40);
  for (std::int64_t l : {std::int64_t{0}, kL - 1}) {
    for (std::int64_t k = 0; k < fft.bins(); k += step) {
      std::complex<double> sum = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        sum += static_cast<double>(x[static_cast<std::size_t>(i * kL + l)]) *
               std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(i * k % n) / static_cast<double>(n));
      }
      EXPECT_NEAR(re[static_cast<std::size_t>(k * kL + l)], sum.real(), bound) << n << " bin " << k;
      EXPECT_NEAR(im[static_cast<std::size_t>(k * kL + l)], sum.imag(), bound) << n << " bin " << k;
    }
  }
  fft.inverse(re.data(), im.data(), back.data(), scratch.data());
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(back[i], x[i], 50 * rounding) << n << " at " << i;
}

class FftSizes : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(FftSizes, EqualsTheDefinitionAndInverts) {
  check_fft<float>(GetParam(), 6e-8);
  check_fft<double>(GetParam(), 2e-15);  // above double's own 1e-16: the sum it is compared with is no better
}

INSTANTIATE_TEST_SUITE_P(All, FftSizes,
                         ::testing::Values(2, 4, 6, 8, 10, 14, 16, 30, 32, 48, 64, 100, 126, 128, 256, 400, 512, 800,
                                           1024, 1200, 2048, 4096));

TEST(Fft, OddSizesAreRefused) { EXPECT_THROW(RealFft<float>(255), UsageError); }

TEST(Stft, OverlapAddGivesTheSignalBack) {
  constexpr std::int64_t kL = Stft<float>::kLanes;
  for (const auto& [fft, window, hop, padding] : {std::tuple{1024, 1024, 256, Padding::center},
                                                  {1024, 1024, 256, Padding::same},
                                                  {512, 400, 100, Padding::center},
                                                  {1024, 800, 200, Padding::center}}) {
    const Stft<float> stft(fft, window, hop, padding);
    Philox random(3);
    std::vector<float> wave_N(static_cast<std::size_t>(hop * 37));
    for (float& v : wave_N) v = static_cast<float>(random.uniform() - 0.5);
    const auto padded = stft.padded(wave_N);
    const std::int64_t frames = stft.frames(static_cast<std::int64_t>(wave_N.size()));
    auto scratch = stft.scratch();
    Aligned<float> re(static_cast<std::size_t>(stft.bins() * kL)), im(re.size());
    std::vector<float> sum(static_cast<std::size_t>(stft.padded_samples(frames)));
    for (std::int64_t f = 0; f < frames; f += kL) {
      stft.block(padded, f, re.data(), im.data(), scratch);
      stft.add_block(re.data(), im.data(), f, std::min(kL, frames - f), sum, scratch);
    }
    const auto weights = stft.overlap_weights(frames);
    for (std::int64_t i = stft.pad(); i < stft.pad() + stft.samples(frames); ++i) {
      const auto at = static_cast<std::size_t>(i);
      ASSERT_NEAR(sum[at] * weights[at], padded[at], 2e-6) << fft << " " << window << " " << hop << " at " << i;
    }
  }
}

TEST(Stft, ReflectsWithoutRepeatingTheEdge) {
  const Stft<float> stft(8, 8, 2, Padding::center);
  const std::vector<float> wave_N{1, 2, 3, 4, 5, 6};
  EXPECT_EQ(stft.padded(wave_N), (std::vector<float>{5, 4, 3, 2, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2}));
  EXPECT_EQ(stft.frames(4), 0);
  EXPECT_EQ(stft.frames(5), 3);
}

}  // namespace
}  // namespace timbre::audio
