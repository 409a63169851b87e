#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codecs/encodec/config.h"
#include "codecs/encodec/rows.h"
#include "kernels/conv.h"
#include "kernels/lstm.h"
#include "weights/tensor.h"

/// The layers of SEANet, weights folded and packed. Rows are channels last: T rows of C numbers.
namespace timbre::encodec {

/// The weight and bias of a convolution as the network uses them: weight norm folded (v · g / ‖v‖, the norm over all
/// axes but the first). Throws DataError naming the tensor that is missing or has another shape.
struct Folded {
  std::vector<float> weight, bias;
};
Folded folded(const weights::TensorMap& tensors, const std::string& name, const std::vector<std::int64_t>& shape,
              std::int64_t outputs, const std::string& where);

/// torch.nn.GroupNorm(1, C): over all rows and channels at once. Absent in causal networks.
struct GroupNorm {
  std::vector<float> gain_C, shift_C;
  void apply(float* x_TC, std::int64_t rows) const;
};

/// What surrounds a convolution's input.
struct Padding {
  std::int64_t left = 0, right = 0;
};
/// Reflects `padding` rows at both ends, in place. As the reference has it, an input not longer than the padding is
/// first lengthened by zeros, which are cut off again.
void pad_reflecting(Rows& x, Padding padding);

/// A convolution over padded rows.
class Convolution {
 public:
  struct Sizes {
    std::int64_t inputs = 1, outputs = 1, taps = 1, stride = 1, dilation = 1;
  };
  Convolution() = default;
  /// `name` is the prefix of its tensors: "encoder.model.0.conv".
  Convolution(const weights::TensorMap& tensors, const std::string& name, const Sizes& sizes, const std::string& where);

  const Sizes& sizes() const { return sizes_; }
  std::int64_t reach() const { return (sizes_.taps - 1) * sizes_.dilation + 1; }
  /// Rows of padding in all, before the right end is filled up.
  std::int64_t padding() const { return reach() - sizes_.stride; }
  /// Rows to add on the right so that the last window of `length` rows is full.
  std::int64_t extra(std::int64_t length) const {
    return (length + sizes_.stride - 1) / sizes_.stride * sizes_.stride - length;
  }
  /// Full windows in `padded` rows.
  std::int64_t windows(std::int64_t padded) const {
    return padded < reach() ? 0 : (padded - reach()) / sizes_.stride + 1;
  }
  /// `count` windows from the front of x, appended to y.
  void run(Rows& x, std::int64_t count, Rows& y, const kernels::Finish& finish = {}) const;
  const std::optional<GroupNorm>& norm() const { return norm_; }

 private:
  Sizes sizes_;
  std::int64_t group_ = 1;  ///< with very few outputs, so many rows are made as one
  kernels::Packed packed_;
  std::optional<GroupNorm> norm_;
};

/// A transposed convolution. With r = taps / stride rounded up, `stride` rows of its output are one product of r rows
/// of input.
class Upsampling {
 public:
  Upsampling() = default;
  /// `name`: "decoder.model.3.convtr".
  Upsampling(const weights::TensorMap& tensors, const std::string& name, const Convolution::Sizes& sizes,
             const std::string& where);
  const Convolution::Sizes& sizes() const { return sizes_; }
  /// r − 1: rows before the first that must be zeros.
  std::int64_t history() const { return history_; }
  /// Uses x's rows but the last history(); appends stride rows for each to y.
  void run(const Rows& x, Rows& y) const;
  const std::optional<GroupNorm>& norm() const { return norm_; }

 private:
  Convolution::Sizes sizes_;
  std::int64_t history_ = 0;
  kernels::Packed packed_;
  std::optional<GroupNorm> norm_;
};

/// One place in the encoder's or decoder's list.
struct Layer {
  enum class Kind { convolution, lstm, upsampling, residual };
  Kind kind = Kind::convolution;
  std::int64_t at = 0;  ///< its number in the reference's list
  bool elu = false;     ///< an ELU comes before it; there it is number at − 1
  std::int64_t inputs = 1, outputs = 1;
  Convolution convolution{};        ///< of a residual block: the one with several taps
  Convolution widen{}, shortcut{};  ///< of a residual block
  Upsampling upsampling{};
  std::vector<kernels::Lstm> lstm{};
};

/// The layers of "encoder" or "decoder" in order. Throws DataError naming a tensor.
std::vector<Layer> encoder_layers(const Config& config, const weights::TensorMap& tensors, const std::string& where);
std::vector<Layer> decoder_layers(const Config& config, const weights::TensorMap& tensors, const std::string& where);

}  // namespace timbre::encodec
