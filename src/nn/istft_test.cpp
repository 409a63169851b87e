#include "nn/istft.h"

#include <ATen/ops/complex.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "audio/mel.h"
#include "base/rng.h"
#include "nn/frames.h"
#include "nn/module.h"

namespace timbre::nn {
namespace {

Tensor random_double(at::IntArrayRef shape, std::uint64_t seed) {
  Tensor x = at::empty(shape, at::TensorOptions(at::kDouble));
  Philox random(seed);
  for (std::int64_t i = 0; i < x.numel(); ++i) x.mutable_data_ptr<double>()[i] = random.normal();
  return x;
}

/// The definition, sample by sample: Σ_f w·x_f / Σ_f w², x_f the inverse DFT of frame f.
double by_definition(const Tensor& real, const Tensor& imag, std::int64_t S, std::int64_t hop, std::int64_t n) {
  const double* re = real.const_data_ptr<double>();
  const double* im = imag.const_data_ptr<double>();
  const std::int64_t F = real.size(1), K = S / 2 + 1;
  double sum = 0, weight = 0;
  for (std::int64_t f = 0; f < F; ++f) {
    const std::int64_t i = n - f * hop;
    if (i < 0 || i >= S) continue;
    double x = 0;
    for (std::int64_t k = 0; k < K; ++k) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(k * i) / static_cast<double>(S);
      const double once = re[f * K + k] * std::cos(angle) - im[f * K + k] * std::sin(angle);
      x += k == 0 || k == S / 2 ? re[f * K + k] * std::cos(angle) : 2 * once;
    }
    const double w = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(S));
    sum += w * x / static_cast<double>(S);
    weight += w * w;
  }
  return sum / weight;
}

Istft make(std::int64_t S, std::int64_t hop, bool center) {
  const std::vector<double> hann = audio::hann_window(S, S);
  return Istft({.fft_samples = S, .hop_samples = hop, .center = center},
               to_torch(weights::Tensor::of<double>({S}, hann)));
}

TEST(Istft, IsItsDefinitionWithBothPaddings) {
  for (const auto& [S, hop] : {std::pair<std::int64_t, std::int64_t>{16, 4}, {20, 6}, {16, 8}})
    for (const bool center : {true, false})
      for (const std::int64_t F : {1, 2, 7}) {
        if (center && F == 1) continue;
        const Tensor re = random_double({1, F, S / 2 + 1}, 1), im = random_double({1, F, S / 2 + 1}, 2);
        const Tensor made = make(S, hop, center).forward(re, im);
        ASSERT_EQ(made.size(1), (center ? F - 1 : F) * hop) << S << " " << hop << " " << F;
        const std::int64_t first = center ? S / 2 : (S - hop) / 2;
        for (std::int64_t n = 0; n < made.size(1); ++n)
          ASSERT_NEAR(made[0][n].item<double>(), by_definition(re, im, S, hop, first + n), 1e-12)
              << S << " " << hop << " " << F << " " << n;
      }
}

TEST(Istft, WholeFramesGoOneHopFurther) {
  const Tensor re = random_double({2, 5, 9}, 1), im = random_double({2, 5, 9}, 2);
  const Istft istft = make(16, 4, true);
  const Tensor whole = istft.forward_whole(re, im);
  ASSERT_EQ(whole.size(1), 20);
  EXPECT_LT((whole.narrow(1, 0, 16) - istft.forward(re, im)).abs().max().item<double>(), 1e-13);
  EXPECT_NEAR(whole[0][19].item<double>(), by_definition(re, im, 16, 4, 27), 1e-12);
  EXPECT_THROW(istft.forward(re.narrow(1, 0, 1), im.narrow(1, 0, 1)), std::logic_error);
  EXPECT_EQ(istft.forward_whole(re.narrow(1, 0, 1), im.narrow(1, 0, 1)).size(1), 4);
}

/// Σ w·f(x) along a direction: by the gradient, and by a difference quotient.
template <class Call>
void check_gradient(Tensor x, Call call) {
  x.set_requires_grad(true);
  const Tensor y = call(x);
  const Tensor w = random_double(y.sizes(), 77), direction = random_double(x.sizes(), 78);
  (y * w).sum().backward();
  const double by_gradient = (x.grad() * direction).sum().item<double>();
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-6;
  const double up = (call(x + kStep * direction) * w).sum().template item<double>(),
               down = (call(x - kStep * direction) * w).sum().template item<double>();
  EXPECT_NEAR(by_gradient, (up - down) / (2 * kStep), 1e-7 * std::max(1.0, std::abs(by_gradient)));
}

Tensor squares(const Tensor& complex_K) { return (complex_K * complex_K.conj()).abs(); }

TEST(Frames, GradientsAreThoseOfTheFunctions) {
  const Tensor fixed = random_double({2, 4, 9}, 4);
  const Istft istft = make(16, 5, true);
  check_gradient(random_double({2, 4, 9}, 3), [&](const Tensor& x) { return istft.forward(x, fixed); });
  check_gradient(random_double({2, 4, 9}, 3), [&](const Tensor& x) { return istft.forward(fixed, x); });
  check_gradient(random_double({2, 4, 9}, 3), [&](const Tensor& x) { return istft.forward_polar(x * x, x); });
  check_gradient(random_double({2, 39}, 5), [](const Tensor& x) { return windows_of(x, 10, 4); });
  check_gradient(random_double({2, 3, 10}, 5), [](const Tensor& x) { return overlap_add(x, 4); });
  for (const std::int64_t size : {12, 11})
    check_gradient(random_double({3, size}, 6), [](const Tensor& x) { return squares(real_fft(x)); });
}

TEST(Frames, WindowsAreCutAndLaidBack) {
  const Tensor x = random_double({1, 23}, 1);
  const Tensor windows = windows_of(x, 10, 4);
  ASSERT_EQ(windows.sizes(), (std::vector<std::int64_t>{1, 4, 10}));
  EXPECT_EQ(windows[0][3][9].item<double>(), x[0][21].item<double>());
  const Tensor sum = overlap_add(windows, 4);
  ASSERT_EQ(sum.size(1), 22);
  EXPECT_NEAR(sum[0][8].item<double>(), 3 * x[0][8].item<double>(), 1e-12);
  EXPECT_THROW(windows_of(x, 24, 4), std::logic_error);
}

}  // namespace
}  // namespace timbre::nn
