#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace timbre::kernels {

/// Reproducible numbers in ±amplitude.
inline std::vector<float> numbers(std::int64_t n, unsigned seed, float amplitude = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-amplitude, amplitude);
  std::vector<float> out(static_cast<std::size_t>(n));
  for (float& x : out) x = uniform(random);
  return out;
}

/// A sum of n products of numbers up to 1: its partial sums grow to √n / 3, and each is rounded by up to 6e-8 of
/// itself, which as a random walk makes 1.4e-8 n; five times that. A wrong term is orders of magnitude beyond it.
inline double rounding_of(std::int64_t terms) { return 7e-8 * static_cast<double>(terms) + 1e-6; }

template <class A, class B>
void expect_near(const A& got, const B& want, double bound) {
  ASSERT_EQ(got.size(), want.size());
  ASSERT_FALSE(got.empty());
  std::size_t worst = 0;
  double most = -1;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
    if (!(error <= most)) most = error, worst = i;
    if (std::isnan(error)) break;
  }
  EXPECT_LE(most, bound) << "at " << worst << ": got " << got[worst] << ", want " << want[worst];
}

}  // namespace timbre::kernels
