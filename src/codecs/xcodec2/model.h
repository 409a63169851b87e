#pragma once
#include <functional>

#include "codecs/xcodec2/config.h"
#include "nn/fsq.h"
#include "nn/istft.h"
#include "nn/layers.h"

/// The network; names as the published model. For coding only: it is not trained here.
/// Letters beyond nn/shapes.h: T counts codes (20 ms), N samples, C channels, R relative distances.
namespace timbre::xcodec2 {

using nn::Tensor;

/// Told the name and output of parts on the way ("semantic.layer0.ffn1"); empty = nobody listens.
using Probe = std::function<void(const std::string&, const Tensor&)>;

/// A layer of w2v-BERT 2.0: a Conformer block (Gulati et al. 2020, arXiv 2005.08100) with relative keys (Shaw et al.
/// 2018, arXiv 1803.02155) and a causal convolution.
class SemanticLayer final : public nn::Module {
 public:
  explicit SemanticLayer(const Config& config);
  Tensor forward(const Tensor& x_BTD, const Probe& probe, const std::string& at) const;

 private:
  Tensor feed_forward(const nn::LayerNorm& norm, const nn::Linear& in, const nn::Linear& out,
                      const Tensor& x_BTD) const;
  Tensor attend(const Tensor& x_BTD) const;
  Tensor convolve(const Tensor& x_BTD) const;
  std::int64_t heads_, left_, kernel_;
  nn::LayerNorm ffn1_layer_norm_;
  nn::Linear ffn1_in_, ffn1_out_;
  nn::LayerNorm self_attn_layer_norm_;
  nn::Linear linear_q_, linear_k_, linear_v_, linear_out_;
  nn::Embedding distance_embedding_;
  nn::LayerNorm conv_layer_norm_;
  nn::Conv1d pointwise_conv1_, depthwise_conv_;
  nn::LayerNorm depthwise_layer_norm_;
  nn::Conv1d pointwise_conv2_;
  nn::LayerNorm ffn2_layer_norm_;
  nn::Linear ffn2_in_, ffn2_out_;
  nn::LayerNorm final_layer_norm_;
};

/// softmax((q·k + q·E[clamp(j - i)]) / √K)·v, queries in blocks so that memory grows with T, not T².
Tensor relative_attention(const Tensor& q_BHTK, const Tensor& k_BHTK, const Tensor& v_BHTK, const Tensor& keys_RK,
                          std::int64_t left);

class SemanticModel final : public nn::Module {
 public:
  explicit SemanticModel(const Config& config);
  /// features_BTC → hidden state behind the last layer that is used.
  Tensor forward(const Tensor& features_BTC, const Probe& probe = {}) const;

 private:
  nn::LayerNorm layer_norm_;
  nn::Linear projection_;
  std::vector<std::unique_ptr<SemanticLayer>> layers_;
};

/// "SemanticEncoder_module": four convolutions over the hidden states.
class SemanticAdapter final : public nn::Module {
 public:
  explicit SemanticAdapter(const Config& config);
  Tensor forward_BTC(const Tensor& x_BTC) const;

 private:
  nn::Conv1d initial_conv_, conv1_, conv3_, final_conv_;
};

/// SnakeBeta between filters for twice and half the rate (codecs/xcodec2/snake.h).
class Activation final : public nn::Module {
 public:
  explicit Activation(std::int64_t channels);
  Tensor forward_BCT(const Tensor& x_BCT) const;
  /// The same by LibTorch's operators, one by one; `upsampled` gets what the first filter gives.
  Tensor forward_plainly(const Tensor& x_BCT, Tensor* upsampled = nullptr) const;

 private:
  Tensor alpha_, beta_, up_, down_;
};

/// x + conv1(act(conv7(act(x)))).
class ResidualUnit final : public nn::Module {
 public:
  ResidualUnit(std::int64_t channels, std::int64_t dilation);
  Tensor forward_BCT(const Tensor& x_BCT, const Probe& probe, const std::string& at) const;

 private:
  Activation act1_;
  nn::Conv1d conv1_;
  Activation act2_;
  nn::Conv1d conv2_;
};

class AcousticEncoder final : public nn::Module {
 public:
  explicit AcousticEncoder(const Config& config);
  /// wave_B1N, N a multiple of the hop → [B, width, N / hop].
  Tensor forward(const Tensor& wave_B1N, const Probe& probe = {}) const;
  /// The same in pieces of `frames`, each computed with what it reaches to either side: memory does not grow with N.
  Tensor in_pieces(const Tensor& wave_11N, std::int64_t frames) const;

 private:
  struct Block : nn::Module {
    Block(std::int64_t channels, std::int64_t stride);
    std::vector<std::unique_ptr<ResidualUnit>> units;
    Activation act;
    nn::Conv1d conv;
  };
  std::int64_t hop_samples_;
  nn::Conv1d first_;
  std::vector<std::unique_ptr<Block>> blocks_;
  Activation act_;
  nn::Conv1d last_;
};

/// Half of the decoder's ends: two of these before, two behind the transformer.
class ResnetBlock final : public nn::Module {
 public:
  explicit ResnetBlock(std::int64_t width);
  Tensor forward_BTC(const Tensor& x_BTC) const;

 private:
  Tensor norm1_weight_, norm1_bias_, norm2_weight_, norm2_bias_;
  nn::Conv1d conv1_, conv2_;
};

/// Attention without positions: the published code turns q and k by an angle that depends on the head alone, so their
/// products do not change, and no turning is done here.
class DecoderLayer final : public nn::Module {
 public:
  explicit DecoderLayer(const Config& config);
  Tensor forward(const Tensor& x_BTD, const Probe& probe, const std::string& at) const;

 private:
  std::int64_t heads_;
  Tensor att_norm_, ffn_norm_;
  nn::Linear c_attn_, c_proj_, fc1_, fc2_;
};

class Decoder final : public nn::Module {
 public:
  explicit Decoder(const Config& config);
  /// "generator.backbone": [B, T, width] → the same.
  Tensor backbone(const Tensor& x_BTD, const Probe& probe = {}) const;
  /// "generator.head": logarithm of the magnitude, then phase: [B, T, fft + 2].
  Tensor head(const Tensor& x_BTD) const { return out_.forward(x_BTD); }
  /// → [B, N].
  Tensor wave(const Tensor& head_BTC) const;
  const nn::Fsq& quantizer() const { return quantizer_; }

 private:
  nn::Fsq quantizer_;
  nn::Conv1d embed_;
  std::vector<std::unique_ptr<ResnetBlock>> prior_net_;
  std::vector<std::unique_ptr<DecoderLayer>> transformers_;
  nn::LayerNorm final_layer_norm_;
  std::vector<std::unique_ptr<ResnetBlock>> post_net_;
  nn::Linear out_;
  nn::Istft istft_;
};

class Model final : public nn::Module {
 public:
  explicit Model(const Config& config);

  Tensor semantic(const Tensor& features_BTC) const {
    return adapter.forward_BTC(semantic_model.forward(features_BTC));
  }
  /// Semantic and acoustic frames [B, T, ·] side by side → what is quantised.
  Tensor joined(const Tensor& semantic_BTC, const Tensor& acoustic_BTC) const;
  /// codes_BT → [B, T, width]: where decoding starts.
  Tensor embedded(const Tensor& codes_BT) const;
  /// codes_BT → wave_BN, hop samples a code, the whole at once.
  Tensor decode(const Tensor& codes_BT) const;
  /// One recording in chunks of config.chunk_frames, each decoded with config.context_frames on both sides and cut out.
  /// Norms and attention then see the chunk and its context instead of the whole: other numbers (see README.md).
  Tensor decode_in_chunks(const Tensor& codes_1T) const;
  /// Samples padded to whole frames (pad_samples) and their features → codes_1T.
  Tensor encode(const Tensor& wave_1N, const Tensor& features_1TC) const;

  const Config config;
  SemanticModel semantic_model;
  SemanticAdapter adapter;
  AcousticEncoder acoustic;
  nn::Linear fc_prior, fc_post_a;
  Decoder decoder;
};

/// Zeros the published code puts behind a recording: up to the next multiple of the hop, a whole hop at a multiple.
std::int64_t pad_samples(std::int64_t samples, std::int64_t hop_samples);

/// Calls body on at most `rows` frames of x_BTD at a time, for parts that look at one frame each.
Tensor by_frames(const Tensor& x_BTD, std::int64_t rows, const std::function<Tensor(const Tensor&)>& body);

}  // namespace timbre::xcodec2
