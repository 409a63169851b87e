#include "text/gru.h"

#include <array>
#include <cmath>

namespace timbre::text {
namespace {

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

}  // namespace

// Eight partial sums let the compiler use vectors without reordering anything itself.
float dot(const float* a, const float* b, std::size_t n) {
  constexpr std::size_t kLanes = 8;
  std::array<float, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  for (std::size_t lane = 0; i < n; ++i, ++lane) sums[lane] += a[i] * b[i];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

std::vector<float> affine(const std::vector<float>& w, const std::vector<float>& b, const float* x,
                          std::size_t columns) {
  std::vector<float> y(w.size() / columns);
  for (std::size_t row = 0; row < y.size(); ++row)
    y[row] = dot(&w[row * columns], x, columns) + (b.empty() ? 0.0f : b[row]);
  return y;
}

void Gru::step(const float* x, std::vector<float>& h_K) const {
  const std::size_t width = hidden();
  const std::vector<float> in = affine(w_ih, b_ih, x, inputs()), old = affine(w_hh, b_hh, h_K.data(), width);
  for (std::size_t k = 0; k < width; ++k) {
    const float reset = sigmoid(in[k] + old[k]), update = sigmoid(in[width + k] + old[width + k]);
    const float fresh = std::tanh(in[2 * width + k] + reset * old[2 * width + k]);
    h_K[k] = (1 - update) * fresh + update * h_K[k];
  }
}

}  // namespace timbre::text
