#pragma once
#include <cstdint>
#include <span>

#include "kernels/conv.h"

/// One layer of a long short-term memory (torch.nn.LSTM, one direction), for inference.
namespace timbre::kernels {

class Lstm {
 public:
  Lstm() = default;
  /// PyTorch's parameters, gates in its order (input, forget, cell, output): w_ih [4H, inputs], w_hh [4H, H], biases
  /// [4H] or empty.
  Lstm(std::span<const float> w_ih, std::span<const float> w_hh, std::span<const float> b_ih,
       std::span<const float> b_hh, std::int64_t inputs, std::int64_t hidden);

  std::int64_t inputs() const { return input_.inputs(); }
  std::int64_t hidden() const { return hidden_; }
  /// Floats of scratch for `rows` steps in one call.
  std::int64_t scratch(std::int64_t rows) const;
  /// y_TH from x_TI; h_H and c_H are the state before and after. The input half of all steps is one matrix product.
  /// scratch: 64-byte aligned. y may not be x.
  void run(const float* x_TI, std::int64_t rows, float* h_H, float* c_H, float* y_TH, float* scratch) const;

 private:
  std::int64_t hidden_ = 0;
  Packed input_, recurrent_;
};

}  // namespace timbre::kernels
