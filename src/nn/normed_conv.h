#pragma once
#include "nn/layers.h"

/// Convolutions whose weight is computed from other tensors in every forward pass: weight norm (Salimans & Kingma 2016)
/// and spectral norm (Miyato et al. 2018), with torch.nn.utils' parameter names and order, so upstream checkpoints load
/// by name. What is trained and stored stays factored; fold() is for inference alone.
namespace timbre::nn {

/// How a layer's weight comes about, and its tensors in state_dict() order.
enum class Norm {
  kNone,     ///< weight, bias
  kWeight,   ///< bias, weight_g, weight_v: weight = g · v / ‖v‖ over all axes but the first
  kSpectral  ///< bias, weight_orig; buffers weight_u, weight_v: weight = orig / (uᵀ·orig·v)
};

/// The weight and bias of one layer.
class NormedWeight : public Module {
 public:
  /// The weight of this pass, with its gradient. Under spectral norm in training mode every call moves weight_u and
  /// weight_v by one power iteration; in evaluation mode they stay.
  Tensor weight() const;
  /// The weights of two passes, one after the other. Under spectral norm they differ by one power iteration, else they
  /// are the same tensor, computed once.
  std::pair<Tensor, Tensor> two_weights() const;
  /// Computes the weight once and for all: from here on it is a constant without gradient. Loading, training and
  /// state_dict() keep working on the factored tensors and need unfold() before they show.
  void fold();
  void unfold() { folded_ = Tensor(); }
  bool is_folded() const { return folded_.defined(); }
  /// Gives the layer a bare weight [shape] to compute with, as a checkpoint without its norm has it: g = ‖v‖, v =
  /// weight.
  void set_weight(const Tensor& weight);

  Norm norm;
  Tensor bias;  ///< undefined without one

 protected:
  /// First values as torch draws them: U(±1/√fan_in), g = ‖v‖, u and v random unit vectors.
  NormedWeight(Norm norm, at::IntArrayRef shape, std::int64_t out, std::int64_t fan_in, bool with_bias);
  /// The largest singular value as u and v have it, after a power iteration in training mode.
  Tensor sigma() const;
  const Tensor& before_norm() const { return weight_orig_; }

 private:
  Tensor weight_, weight_g_, weight_v_, weight_orig_, vector_u_, vector_v_, folded_;
};

/// Over time. weight [out, in/groups, kernel]; a trailing axis of one ([out, in, kernel, 1], a Conv2d that only looks
/// along one axis) is asked for by `columns`. Channels last, as nn/conv.h wants it.
class NormedConv1d : public NormedWeight {
 public:
  NormedConv1d(std::int64_t in, std::int64_t out, ConvOptions options, Norm norm = Norm::kWeight, bool columns = false);
  Tensor forward_BTC(const Tensor& x_BTC) const;
  /// With a weight of window_weight().
  Tensor forward_BTC(const Tensor& x_BTC, const Tensor& weight_OKC) const;
  /// What weight() or two_weights() gave, as the convolution reads it: one copy for all calls of a pass.
  Tensor window_weight(const Tensor& weight) const;
  /// Two batches, the first half of the rows and the second: the same as two calls of forward_BTC, in one pass.
  Tensor forward_two_BTC(const Tensor& x_BTC) const;
  Tensor forward_BCT(const Tensor& x_BCT) const { return forward_BTC(x_BCT.transpose(1, 2)).transpose(1, 2); }
  ConvOptions options;

 private:
  mutable Tensor folded_from_, folded_OKC_;  ///< the folded weight and its copy for the convolution
};

/// Transposed, over time. weight [in, out, kernel]; under weight norm g is one number an INPUT channel [in, 1, 1].
class NormedConvTranspose1d : public NormedWeight {
 public:
  struct Options {
    std::int64_t kernel = 1;
    std::int64_t stride = 1;
    std::int64_t padding = 0;
    std::int64_t output_padding = 0;
    bool bias = true;
  };
  NormedConvTranspose1d(std::int64_t in, std::int64_t out, Options options, Norm norm = Norm::kWeight);
  Tensor forward_BTC(const Tensor& x_BTC) const;
  Tensor forward_BCT(const Tensor& x_BCT) const { return forward_BTC(x_BCT.transpose(1, 2)).transpose(1, 2); }
  Options options;
};

/// Over two axes (H and W: any two). weight [out, in, kernel_h, kernel_w].
class NormedConv2d : public NormedWeight {
 public:
  struct Options {
    std::pair<std::int64_t, std::int64_t> kernel{1, 1};
    std::pair<std::int64_t, std::int64_t> stride{1, 1};
    std::pair<std::int64_t, std::int64_t> padding{0, 0};
    std::pair<std::int64_t, std::int64_t> dilation{1, 1};
    bool bias = true;
  };
  NormedConv2d(std::int64_t in, std::int64_t out, Options options, Norm norm = Norm::kWeight);
  Tensor forward_BCHW(const Tensor& x_BCHW) const;
  Options options;
};

}  // namespace timbre::nn
