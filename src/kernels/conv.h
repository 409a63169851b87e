#pragma once
#include <cstdint>
#include <span>

#include "base/aligned.h"

/// Matrix products and convolutions over time for inference on one sequence, without LibTorch.
///
/// Arrays are row-major float32, channels last: x_TI holds `length` rows of `inputs` numbers. Weights are packed once,
/// when a network is opened. Nothing here allocates after that, except where thread_count() > 1 shares a large product
/// out; outputs may not overlap inputs unless it says so. Results differ between CPU levels and thread counts by
/// rounding alone: no order of summation depends on the number of threads.
namespace timbre::kernels {

/// Weights of a convolution over time (torch.nn.Conv1d) or, with one tap, of a linear layer.
class Packed {
 public:
  Packed() = default;
  /// weights_OIK: [outputs, inputs, taps], bias_O: [outputs] or empty. Throws std::invalid_argument for other sizes.
  Packed(std::span<const float> weights_OIK, std::span<const float> bias_O, std::int64_t outputs, std::int64_t inputs,
         std::int64_t taps = 1);

  std::int64_t outputs() const { return outputs_; }
  std::int64_t inputs() const { return inputs_; }
  std::int64_t taps() const { return taps_; }
  /// [taps, inputs, 32] of panel p: outputs 32p … 32p+31, zeros beyond the last.
  const float* panel(std::int64_t p) const { return weights_.data() + p * taps_ * inputs_ * 32; }
  std::int64_t panels() const { return (outputs_ + 31) / 32; }
  /// 32 · panels numbers.
  const float* bias() const { return bias_.data(); }
  /// Up to this many outputs are computed as dot products, not to fill a panel with zeros.
  static constexpr std::int64_t kFew = 4;
  /// [outputs, taps, inputs] where outputs ≤ kFew; else null.
  const float* few() const { return few_.empty() ? nullptr : few_.data(); }

 private:
  std::int64_t outputs_ = 0, inputs_ = 0, taps_ = 0;
  Aligned<float> weights_, bias_, few_;
};

enum class Activation { none, relu, leaky_relu, elu, tanh, gelu, gelu_tanh };

/// What happens to a sum before it is stored: y = activation(sum + bias + add + (accumulate ? y : 0)).
struct Finish {
  Activation activation = Activation::none;
  float slope = 0.1f;  ///< of leaky_relu, below zero; 0 … 1
  bool accumulate = false;
  const float* add_TO = nullptr;  ///< rows of `outputs`; may be y itself
  /// When given, y keeps the sum and the activated numbers go here (rows of `outputs`).
  float* activated_TO = nullptr;
};

struct Conv {
  std::int64_t dilation = 1, stride = 1;
  std::int64_t left = 0, right = 0;  ///< zeros before and after the sequence
};

/// Rows that conv1d() makes; 0 when the kernel is longer than the padded sequence.
std::int64_t conv1d_rows(std::int64_t length, std::int64_t taps, const Conv& conv);

/// y[t, o] = Σ_k Σ_i x[t · stride + k · dilation − left, i] · w[o, i, k], conv1d_rows() rows.
void conv1d(const float* x_TI, std::int64_t length, const Packed& weights, const Conv& conv, float* y_TO,
            const Finish& finish = {});

/// y = x Wᵀ + bias (torch.nn.Linear) for `rows` rows. Strides of x and y in floats, 0 = close together.
void linear(const float* x_TI, std::int64_t rows, const Packed& weights, float* y_TO, const Finish& finish = {},
            std::int64_t x_stride = 0, std::int64_t y_stride = 0);

/// The same for one row, as recurrent layers need it at every step; reads the weights once at memory speed.
/// y_O: 32 · panels() numbers, 64-byte aligned. accumulate adds to what y holds.
void matvec(const float* x_I, const Packed& weights, float* y_O, bool accumulate = false);

/// Weights of a transposed convolution (torch.nn.ConvTranspose1d without output padding, groups or dilation).
class PackedTransposed {
 public:
  PackedTransposed() = default;
  /// weights_IOK: [inputs, outputs, taps] as torch stores them.
  PackedTransposed(std::span<const float> weights_IOK, std::span<const float> bias_O, std::int64_t inputs,
                   std::int64_t outputs, std::int64_t taps, std::int64_t stride);
  std::int64_t outputs() const { return phases_.empty() ? 0 : phases_.front().outputs(); }
  std::int64_t inputs() const { return phases_.empty() ? 0 : phases_.front().inputs(); }
  std::int64_t taps() const { return taps_; }
  std::int64_t stride() const { return static_cast<std::int64_t>(phases_.size()); }
  /// The plain convolution that makes the outputs t with (t + left) mod stride = phase.
  const Packed& phase(std::int64_t p) const { return phases_[static_cast<std::size_t>(p)]; }

 private:
  std::int64_t taps_ = 0;
  std::vector<Packed> phases_;
};

/// (length − 1) · stride + taps − left − right; what is cut at both ends (torch's padding = left = right).
std::int64_t transposed_conv1d_rows(std::int64_t length, const PackedTransposed& weights, std::int64_t left,
                                    std::int64_t right);
void transposed_conv1d(const float* x_TI, std::int64_t length, const PackedTransposed& weights, std::int64_t left,
                       std::int64_t right, float* y_TO, const Finish& finish = {});

/// Weights of a depthwise convolution (torch.nn.Conv1d with groups = channels), taps first.
class PackedDepthwise {
 public:
  PackedDepthwise() = default;
  /// weights_CK: [channels, taps] (torch's [channels, 1, taps]), bias_C: [channels] or empty.
  PackedDepthwise(std::span<const float> weights_CK, std::span<const float> bias_C, std::int64_t channels,
                  std::int64_t taps);
  std::int64_t channels() const { return channels_; }
  std::int64_t taps() const { return taps_; }
  const float* weights() const { return weights_.data(); }  ///< [taps, channels]
  const float* bias() const { return bias_.data(); }

 private:
  std::int64_t channels_ = 0, taps_ = 0;
  Aligned<float> weights_, bias_;
};

/// y[t, c] = bias[c] + Σ_k x[t · stride + k · dilation − left, c] · w[c, k].
void depthwise_conv1d(const float* x_TC, std::int64_t length, const PackedDepthwise& weights, const Conv& conv,
                      float* y_TC);

}  // namespace timbre::kernels
