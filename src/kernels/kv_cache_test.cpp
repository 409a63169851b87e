#include "kernels/kv_cache.h"

#include <gtest/gtest.h>

#include <cmath>

namespace timbre::kernels {
namespace {

/// Σ_s softmax_s(scale · q·k[s]) v[s] of one head, in double.
std::vector<double> naive(const float* q, const std::vector<float>& k_SD, const std::vector<float>& v_SD,
                          std::int64_t rows, std::int64_t stride, std::int64_t at, std::int64_t width, double scale) {
  std::vector<double> weights, out(static_cast<std::size_t>(width));
  double sum = 0;
  for (std::int64_t s = 0; s < rows; ++s) {
    double dot = 0;
    for (std::int64_t i = 0; i < width; ++i)
      dot += static_cast<double>(q[at + i]) * static_cast<double>(k_SD[static_cast<std::size_t>(s * stride + at + i)]);
    weights.push_back(std::exp(scale * dot));
    sum += weights.back();
  }
  for (std::int64_t s = 0; s < rows; ++s)
    for (std::int64_t i = 0; i < width; ++i)
      out[static_cast<std::size_t>(i)] += weights[static_cast<std::size_t>(s)] / sum *
                                          static_cast<double>(v_SD[static_cast<std::size_t>(s * stride + at + i)]);
  return out;
}

TEST(KvCache, AttendsLikeTheFormulaWhileItGrows) {
  for (const auto& [heads, width] : {std::pair<std::int64_t, std::int64_t>{2, 64}, {3, 5}, {1, 40}}) {
    const std::int64_t wide = heads * width, rows = 75;
    std::vector<float> k_SD, v_SD, q_SD;
    for (std::int64_t i = 0; i < rows * wide; ++i) {
      const auto t = static_cast<float>(i);
      k_SD.push_back(std::sin(0.7f * t));
      v_SD.push_back(std::cos(0.3f * t));
      q_SD.push_back(std::sin(1.1f * t + 1));
    }
    const float scale = 1 / std::sqrt(static_cast<float>(width));
    KvCache cache(heads, width);
    cache.append(k_SD.data(), v_SD.data(), wide, 40, scale);  // a prompt at once, then one by one
    for (std::int64_t t = 40; t < rows; ++t) {
      cache.make_room();
      for (std::int64_t head = 0; head < heads; ++head)
        cache.put(k_SD.data() + t * wide, v_SD.data() + t * wide, head, head + 1, scale);
      Aligned<float> scratch(static_cast<std::size_t>(cache.scratch()));
      std::vector<float> out(static_cast<std::size_t>(wide));
      cache.attend(q_SD.data() + t * wide, 0, heads, t + 1, out.data(), scratch.data());
      cache.advance();
      for (std::int64_t head = 0; head < heads; ++head) {
        const auto expected = naive(q_SD.data() + t * wide, k_SD, v_SD, t + 1, wide, head * width, width,
                                    1 / std::sqrt(static_cast<double>(width)));
        for (std::int64_t i = 0; i < width; ++i)
          ASSERT_NEAR(static_cast<double>(out[static_cast<std::size_t>(head * width + i)]),
                      expected[static_cast<std::size_t>(i)], 2e-6)
              << heads << " heads, position " << t << ", head " << head << ", number " << i;
      }
    }
    EXPECT_EQ(cache.length(), rows);
  }
}

}  // namespace
}  // namespace timbre::kernels
