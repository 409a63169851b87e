#include "kernels/kv_cache.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/numbers_for_test.h"

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

/// What several heads of queries over one of keys should hear, of numbers as the cache keeps them.
struct Shared {
  std::int64_t heads, sharing, width, rows;
  Numbers numbers;
  std::vector<float> k_SD, v_SD, q_SD;
  std::int64_t keys() const { return heads * width; }
  std::int64_t queries() const { return heads * sharing * width; }
  float scale() const { return 1 / std::sqrt(static_cast<float>(width)); }

  Shared(std::int64_t h, std::int64_t s, std::int64_t w, std::int64_t r, Numbers n)
      : heads(h), sharing(s), width(w), rows(r), numbers(n) {
    for (std::int64_t i = 0; i < rows * keys(); ++i) {
      const auto t = static_cast<float>(i);
      k_SD.push_back(3 * std::sin(0.7f * t));
      v_SD.push_back(std::cos(0.3f * t));
    }
    for (std::int64_t i = 0; i < rows * queries(); ++i) q_SD.push_back(std::sin(1.1f * static_cast<float>(i) + 1));
  }
  std::vector<double> heard(std::int64_t t) const {
    std::vector<float> k = k_SD, v = v_SD;
    for (float& x : k) x *= scale();
    if (numbers == Numbers::bf16)
      for (auto* list : {&k, &v})
        for (float& x : *list) x = from_half(to_half(x));
    std::vector<double> out;
    for (std::int64_t q = 0; q < heads * sharing; ++q) {
      const std::int64_t at = q / sharing * width;
      const auto one = naive(q_SD.data() + t * queries() + q * width - at, k, v, t + 1, keys(), at, width, 1);
      out.insert(out.end(), one.begin(), one.end());
    }
    return out;
  }
};

TEST(KvCache, SharedHeadsAndRowsHearWhatEachAloneWould) {
  for (const Numbers kind : {Numbers::f32, Numbers::bf16})
    for (const Shared& s : {Shared(2, 4, 16, 70, kind), Shared(3, 1, 40, 50, kind), Shared(1, 7, 6, 45, kind),
                            Shared(2, 3, 64, 100, kind)}) {
      SCOPED_TRACE(testing::Message() << s.heads << " × " << s.sharing << " heads of " << s.width << ", "
                                      << static_cast<int>(kind));
      KvCache cache(s.heads, s.width, s.sharing, kind);
      // A prompt in two pieces, then one by one.
      for (const auto& [from, to] : {std::pair<std::int64_t, std::int64_t>{0, 5}, {5, 44}}) {
        cache.append(s.k_SD.data() + from * s.keys(), s.v_SD.data() + from * s.keys(), s.keys(), to - from, s.scale());
        Aligned<float> scratch(static_cast<std::size_t>(cache.scratch()), NAN);
        std::vector<float> out(static_cast<std::size_t>((to - from) * s.queries()), NAN);
        for (std::int64_t head = 0; head < s.heads; ++head)
          cache.attend_rows(s.q_SD.data() + from * s.queries(), s.queries(), to - from, head, head + 1, out.data(),
                            s.queries(), scratch.data());
        std::vector<double> want;
        for (std::int64_t t = from; t < to; ++t) {
          const auto row = s.heard(t);
          want.insert(want.end(), row.begin(), row.end());
        }
        expect_near(out, want, 3e-6);
      }
      cache.shorten(30);  // back into the prompt, and on
      for (std::int64_t t = 30; t < s.rows; ++t) {
        cache.make_room();
        cache.put(s.k_SD.data() + t * s.keys(), s.v_SD.data() + t * s.keys(), 0, s.heads, s.scale());
        Aligned<float> scratch(static_cast<std::size_t>(cache.scratch()), NAN);
        std::vector<float> out(static_cast<std::size_t>(s.queries()), NAN);
        cache.attend(s.q_SD.data() + t * s.queries(), 0, s.heads, t + 1, out.data(), scratch.data());
        cache.advance();
        expect_near(out, s.heard(t), 3e-6);
      }
    }
}

}  // namespace
}  // namespace timbre::kernels
