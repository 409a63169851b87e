#pragma once
#include "nn/module.h"

/// The layers of our networks. Parameter names, shapes and first values are torch's, so upstream checkpoints load by
/// name.
namespace timbre::nn {

/// y = x·Wᵀ + b over the last axis. weight [out, in], bias [out].
class Linear : public Module {
 public:
  Linear(std::int64_t in, std::int64_t out, bool with_bias = true);
  Tensor forward(const Tensor& x) const;
  Tensor weight, bias;
};

/// Options of Conv1d; padding kSame = (kernel-1)/2·dilation on both sides.
inline constexpr std::int64_t kSame = -1;
struct ConvOptions {
  std::int64_t kernel = 1;
  std::int64_t padding = kSame;
  std::int64_t groups = 1;
  std::int64_t dilation = 1;
  std::int64_t stride = 1;
  bool bias = true;
};

/// Convolution over time. weight [out, in/groups, kernel], bias [out].
/// Prefer forward_BTC: it needs no transposition and takes the faster way found for CPUs (nn/conv.h).
class Conv1d : public Module {
 public:
  Conv1d(std::int64_t in, std::int64_t out, ConvOptions options = {});
  Tensor forward_BTC(const Tensor& x_BTC) const;
  Tensor forward_BCT(const Tensor& x_BCT) const;
  Tensor weight, bias;
  ConvOptions options;
};

/// Over the last axis. weight, bias [dim].
class LayerNorm : public Module {
 public:
  explicit LayerNorm(std::int64_t dim, double eps = 1e-5);
  Tensor forward(const Tensor& x) const;
  Tensor weight, bias;
  double eps;
};

/// Over all axes but the channels. weight, bias, running_mean, running_var [C], num_batches_tracked [].
/// In training mode under several ranks, the statistics are those of the joined batch when synchronise is on (see
/// nn/sync.h).
class BatchNorm1d : public Module {
 public:
  explicit BatchNorm1d(std::int64_t channels, double eps = 1e-5, double momentum = 0.1);
  /// Channels on the last axis (any number of axes before it).
  Tensor forward_BTC(const Tensor& x_BTC) const;
  Tensor forward_BCT(const Tensor& x_BCT) const;
  Tensor weight, bias, running_mean, running_var, num_batches_tracked;
  double eps, momentum;
};

/// weight [rows, dim]; the row padding_row (if ≥ 0) starts at zero and gets no gradient.
class Embedding : public Module {
 public:
  Embedding(std::int64_t rows, std::int64_t dim, std::int64_t padding_row = -1);
  /// ids of any shape, int64 → ids.shape + [dim].
  Tensor forward(const Tensor& ids) const;
  Tensor weight;
  std::int64_t padding_row;
};

/// Shape of a recurrent stack.
struct RecurrentOptions {
  std::int64_t layers = 1;
  bool bidirectional = false;
};

/// Long short-term memory, torch's gate order and names (weight_ih_l0, …, _reverse).
class Lstm : public Module {
 public:
  Lstm(std::int64_t in, std::int64_t hidden, RecurrentOptions options = {});
  struct Result {
    Tensor out_BTD;
    Tensor h_LBD;
    Tensor c_LBD;
  };
  /// x_BTC → outputs and last states; h_LBD, c_LBD may be undefined (zeros).
  Result forward(const Tensor& x_BTC, const Tensor& h_LBD = {}, const Tensor& c_LBD = {}) const;
  std::int64_t hidden;
  RecurrentOptions options;

 private:
  std::vector<Tensor> weights_;
};

/// Gated recurrent unit, torch's gate order and names.
class Gru : public Module {
 public:
  Gru(std::int64_t in, std::int64_t hidden, RecurrentOptions options = {});
  struct Result {
    Tensor out_BTD;
    Tensor h_LBD;
  };
  Result forward(const Tensor& x_BTC, const Tensor& h_LBD = {}) const;
  std::int64_t hidden;
  RecurrentOptions options;

 private:
  std::vector<Tensor> weights_;
};

}  // namespace timbre::nn
