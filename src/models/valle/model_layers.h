#pragma once
#include "models/valle/config.h"
#include "models/valle/model_attention.h"
#include "nn/layers.h"

/// The building blocks of lifeiteng's valle/modules, with their parameter names.
/// Letters: X text positions, Y audio frames, S = X + Y, 1 = a broadcast axis.
namespace timbre::valle {

/// Hears named intermediate results when set: "ar_decoder.layers.0", "nar_text_position", "ar_decoder.norm" …
using Probe = std::function<void(const std::string& name, const Tensor& value)>;
inline void heard(const Probe& probe, const std::string& name, const Tensor& value) {
  if (probe) probe(name, value);
}

/// A table of rows; "word_embeddings.weight".
class TokenEmbedding : public nn::Module {
 public:
  TokenEmbedding(std::int64_t rows, std::int64_t width);
  Tensor forward(const Tensor& ids) const { return word_embeddings.forward(ids); }
  const Tensor& weight() const { return word_embeddings.weight; }
  nn::Embedding word_embeddings;
};

/// x + alpha · sinusoid, positions from 0 (§4.2); "alpha". Dropout behind it.
class Positions : public nn::Module {
 public:
  struct Options {
    bool learned = false;  ///< alpha gets gradients
    double dropout = 0;
  };
  Positions(std::int64_t width, Options options);
  Tensor forward(const Tensor& x_BTD) const;

 private:
  Tensor alpha_;
  double dropout_;
  mutable Tensor table_TD_;  ///< grows when longer input comes
};

/// Convolutions, batch norms and a line over the text: children 1, 2, 5, 6, 9, 10, 14. Does nothing when off.
class TextPrenet : public nn::Module {
 public:
  struct Options {
    bool on = false;
    bool dropout = true;  ///< 0.5, or none
  };
  TextPrenet(std::int64_t width, Options options);
  Tensor forward(const Tensor& x_BXD) const;

 private:
  struct Stage {
    nn::Conv1d conv;
    nn::BatchNorm1d norm;
    explicit Stage(std::int64_t width) : conv(width, width, {.kernel = 5}), norm(width) {}
  };
  std::vector<std::unique_ptr<Stage>> stages_;
  std::unique_ptr<nn::Linear> last_;
  bool dropout_;
};

/// Three lines with ReLU and dropout between: children 0, 3, 6. Does nothing when off.
class AudioPrenet : public nn::Module {
 public:
  struct Options {
    bool on = false;
    double dropout = 0;
  };
  AudioPrenet(std::int64_t in, std::int64_t width, Options options);
  Tensor forward(const Tensor& x_BYD) const;

 private:
  std::unique_ptr<nn::Linear> first_, middle_, last_;
  double dropout_;
};

/// What stands where a layer normalises.
enum class NormKind : std::uint8_t {
  plain,     ///< layer norm
  adaptive,  ///< layer norm whose gain and shift come from a stage vector
  nothing,   ///< lets x through
  balanced,  ///< x / √(mean x² + eps), eps learned (scaling_xformers)
};

class Norm : public nn::Module {
 public:
  Norm(std::int64_t width, NormKind kind);
  /// stage_1D: for adaptive norms only.
  Tensor forward(const Tensor& x_BTD, const Tensor& stage_1D) const;

 private:
  NormKind kind_;
  std::unique_ptr<nn::LayerNorm> plain_;
  std::unique_ptr<nn::Linear> project_;
  std::unique_ptr<nn::Module> balancer_, basic_;
  Tensor eps_;
  Tensor weight_, bias_;
};

/// Multi-head attention with one packed projection: "in_proj_weight", "in_proj_bias", "out_proj".
class MultiheadAttention : public nn::Module {
 public:
  MultiheadAttention(std::int64_t width, std::int64_t heads, double dropout, double out_scale);
  /// Over itself; the queries from `first` on.
  Tensor over_itself(const Tensor& x_BSD, const Attend& attend, std::int64_t first) const;
  Tensor over_memory(const Tensor& x_BTD, const Tensor& memory_BSD, const Attend& attend) const;

 private:
  Tensor in_proj_weight_, in_proj_bias_;
  nn::Linear out_proj_;
  std::int64_t heads_;
  double dropout_;
};

/// Shape of a stack of layers.
struct StackOptions {
  std::int64_t width = 0, heads = 0, layers = 0;
  double dropout = 0;
  bool norm_first = true;
  bool cross = false;  ///< a second attention, over a memory
  NormKind norm = NormKind::plain;
};

/// What a stack attends with.
struct StackInputs {
  Attend attend;           ///< over itself
  Tensor memory_BXD;       ///< with cross
  Attend over_memory;      ///< its padding
  Tensor stage_1D;         ///< with adaptive norms
  std::int64_t first = 0;  ///< only rows from here on are wanted of the last layer, unless somebody listens
};

/// TransformerEncoderLayer and TransformerDecoderLayer of the reference.
class Layer : public nn::Module {
 public:
  explicit Layer(const StackOptions& options);
  /// Rows from `first` on.
  Tensor forward(const Tensor& x_BSD, const StackInputs& inputs, std::int64_t first, const std::string& name,
                 const Probe& probe) const;

 private:
  Tensor feed_forward(const Tensor& x_BTD, const std::string& name, const Probe& probe) const;
  Tensor activate(const Tensor& x_BTD) const;
  StackOptions options_;
  MultiheadAttention self_attn_;
  std::unique_ptr<MultiheadAttention> multihead_attn_;
  nn::Linear linear1_, linear2_;
  std::unique_ptr<nn::Module> balancer_;
  Norm norm1_, norm2_;
  std::unique_ptr<Norm> norm3_;
};

/// Layers and, where they normalise first, a last norm.
class Stack : public nn::Module {
 public:
  explicit Stack(const StackOptions& options);
  /// x_BSD → rows from inputs.first on.
  Tensor forward(Tensor x_BSD, const StackInputs& inputs, const std::string& name, const Probe& probe) const;

 private:
  std::vector<std::unique_ptr<Layer>> layers_;
  std::unique_ptr<Norm> norm_;
};

}  // namespace timbre::valle
