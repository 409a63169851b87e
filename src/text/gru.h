#pragma once
#include <cstddef>
#include <vector>

/// The arithmetic of small letter-to-phone networks, on plain arrays: no LibTorch above the line.
namespace timbre::text {

/// Σ a[i] · b[i].
float dot(const float* a, const float* b, std::size_t n);

/// y = W x + b; W is [rows, columns], b may be empty.
std::vector<float> affine(const std::vector<float>& w, const std::vector<float>& b, const float* x,
                          std::size_t columns);

/// One gated recurrent unit layer with PyTorch's parameters (torch.nn.GRU): rows of the gates reset, update, new.
struct Gru {
  std::vector<float> w_ih, w_hh, b_ih, b_hh;
  std::size_t inputs() const { return hidden() ? w_ih.size() / (3 * hidden()) : 0; }
  std::size_t hidden() const { return b_hh.size() / 3; }
  /// x has inputs() values; h_K is replaced.
  void step(const float* x, std::vector<float>& h_K) const;
};

}  // namespace timbre::text
