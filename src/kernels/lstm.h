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

  /// One of several sequences: the arguments of run().
  struct Sequence {
    const float* x_TI = nullptr;
    std::int64_t rows = 0;
    float *h_H = nullptr, *c_H = nullptr, *y_TH = nullptr, *scratch = nullptr;
  };
  /// Several sequences of any lengths side by side: each gets to the bit what run() gives it, and the recurrent
  /// weights, which are what a step waits for, come from memory once a step for all of them.
  void run_together(std::span<const Sequence> sequences) const;

 private:
  std::int64_t hidden_ = 0;
  Packed input_, recurrent_;
};

}  // namespace timbre::kernels
