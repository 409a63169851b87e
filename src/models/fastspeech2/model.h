#pragma once
#include <optional>

#include "models/fastspeech2/config.h"
#include "models/fastspeech2/request.h"
#include "nn/layers.h"

/// The network (arXiv 2006.04558 §2). Modules carry ming024's names, so its checkpoints load as they are.
/// Letters beyond nn/shapes.h: 1 = a broadcast axis. Padding is true in every mask.
namespace timbre::fastspeech2 {

using nn::Tensor;

/// Hears every named intermediate result when set: "encoder.layer_stack.0.slf_attn", "decoder", "postnet" …
using Probe = std::function<void(const std::string& name, const Tensor& value)>;

/// Attends over itself and adds (Vaswani et al. 2017 §3.2), norm after.
class SelfAttention : public nn::Module {
 public:
  explicit SelfAttention(const StackOptions& options);
  Tensor forward(const Tensor& x_BTD, const Tensor& pad_BT) const;

 private:
  nn::Linear w_qs_, w_ks_, w_vs_;
  nn::LayerNorm layer_norm_;
  nn::Linear fc_;
  std::int64_t heads_;
  double dropout_;
};

/// Two convolutions over time, norm after (§2.2; kernel 9 then 1).
class FeedForward : public nn::Module {
 public:
  explicit FeedForward(const StackOptions& options);
  Tensor forward(const Tensor& x_BTD) const;

 private:
  nn::Conv1d w_1_, w_2_;
  nn::LayerNorm layer_norm_;
  double dropout_;
};

/// A block of either stack.
class Block : public nn::Module {
 public:
  virtual Tensor forward(const Tensor& x_BTD, const Tensor& pad_BT, const std::string& name,
                         const Probe& probe) const = 0;
};

/// The paper's feed-forward Transformer block.
class ConvBlock final : public Block {
 public:
  explicit ConvBlock(const StackOptions& options);
  Tensor forward(const Tensor& x_BTD, const Tensor& pad_BT, const std::string& name, const Probe& probe) const override;

 private:
  SelfAttention slf_attn_;
  FeedForward pos_ffn_;
};

/// Ours: norm first; attention with one projection for q, k, v; then depthwise convolution, wide pointwise layer, back.
class SeparableBlock final : public Block {
 public:
  explicit SeparableBlock(const StackOptions& options);
  Tensor forward(const Tensor& x_BTD, const Tensor& pad_BT, const std::string& name, const Probe& probe) const override;

 private:
  std::unique_ptr<nn::LayerNorm> attn_norm_;  ///< null, like the next two, when heads = 0
  std::unique_ptr<nn::Linear> qkv_, attn_out_;
  nn::LayerNorm ffn_norm_;
  nn::Conv1d depthwise_;
  nn::Linear expand_, contract_;
  std::int64_t heads_;
  double dropout_;
};

/// Blocks behind a sum of content and sinusoid positions: the encoder (with a phoneme table) or the decoder.
class Stack final : public nn::Module {
 public:
  /// symbols > 0 makes the phoneme table.
  Stack(const StackOptions& options, const Config& config, std::int64_t symbols = 0);
  /// Rows of the phoneme table.
  Tensor embed(const Tensor& text_BP) const;
  /// Adds positions and runs the blocks; padding comes out as zeros. Input longer than the table gets a fresh one; in
  /// training, when the config says cut_long, it is cut to max_frames instead, and `pad_BT` with it.
  Tensor forward(Tensor x_BTD, Tensor& pad_BT, const std::string& name, const Probe& probe) const;

 private:
  Tensor position_enc_;  ///< [1, max_frames + 1, D], not learned; saved with conv blocks, as ming024 does
  std::unique_ptr<nn::Embedding> src_word_emb_;
  std::vector<std::unique_ptr<Block>> layer_stack_;
  std::unique_ptr<nn::LayerNorm> final_norm_;  ///< separable blocks normalise before, so once more at the end
  std::int64_t width_, max_frames_;
  bool cut_long_;
};

/// Two convolutions and a line: one number a position (§2.3, figure 1c).
class VariancePredictor final : public nn::Module {
 public:
  explicit VariancePredictor(const Config& config);
  /// 0 on padding.
  Tensor forward(const Tensor& x_BTD, const Tensor& pad_BT) const;

 private:
  nn::Conv1d conv_1_;
  nn::LayerNorm norm_1_;
  nn::Conv1d conv_2_;
  nn::LayerNorm norm_2_;
  nn::Linear linear_;
  double dropout_;
  bool masks_between_;  ///< a batch of one and a padded batch then agree; ming024's convolutions see what padding holds
};

/// Texts, and in training what to imitate. P text positions, F frames.
struct Inputs {
  Tensor text_BP;  ///< rows of the symbol table, 0 = padding
  Tensor text_lens_B;
  Tensor speaker_B;       ///< rows of the speaker table; undefined = 0
  Tensor speaker_vec_BE;  ///< who speaks, as a vector: of config.speaker.size numbers; torphix adds it as it is
  Tensor durations_BP;    ///< frames of each phoneme; undefined = predicted, like all below
  Tensor mel_lens_B;
  std::int64_t frames_max = 0;  ///< frames of the padded batch, with mel_lens_B
  Tensor pitch;                 ///< [B,P] or [B,F] by variance.pitch_level
  Tensor energy;
  Factors factors;  ///< used for what is predicted
  /// compat=torphix-19e23c5 takes given durations for logarithms in evaluation mode; true = not so (our validation).
  bool whole_durations = false;
};

/// In ming024's order.
struct Outputs {
  Tensor mel_BFM;
  Tensor mel_postnet_BFM;  ///< the same tensor when there is no post-net
  Tensor pitch, energy;    ///< predictions, multiplied by the factor at inference
  Tensor log_duration_BP;  ///< log(frames + 1)
  Tensor duration_BP;      ///< given (int64) or predicted (float)
  Tensor text_pad_BP;      ///< bool, true = padding
  Tensor mel_pad_BF;       ///< cut with the mel
  Tensor text_lens_B, mel_lens_B;
};

/// Duration, pitch, energy and the step from phonemes to frames.
class VarianceAdaptor final : public nn::Module {
 public:
  VarianceAdaptor(const Config& config, const Statistics& pitch, const Statistics& energy);
  /// Fills the predictions, duration, mel_lens and mel_pad of `out`; returns x_BFD.
  Tensor forward(Tensor x_BPD, const Inputs& in, Outputs& out, const Probe& probe) const;

 private:
  /// One variance: its predictor and how its value enters the network.
  struct Variance : nn::Module {
    Variance(const Config& config, const std::string& scale, const Statistics& statistics);
    VariancePredictor predictor;
    Tensor bins;  ///< boundaries; undefined with embedding = conv
    std::unique_ptr<nn::Embedding> table;
    std::unique_ptr<nn::Conv1d> conv;
    Statistics statistics;
  };
  /// Predicts, embeds the target (or the prediction times `factor`) and adds it to x.
  Tensor add_variance(const Variance& variance, const std::string& kind, const Tensor& x_BTD, const Tensor& target_BT,
                      const Tensor& pad_BT, double factor, Tensor& prediction_BT, const Probe& probe) const;
  /// Frames of each phoneme from log(frames + 1).
  Tensor predicted_durations(const Tensor& log_duration_BP, const Tensor& pad_BP, double factor) const;
  /// Where in its phoneme each frame lies, as 4 numbers [B, F, 4].
  Tensor phase(const Tensor& duration_BP, std::int64_t frames) const;

  VarianceOptions options_;
  VariancePredictor duration_predictor_;
  Variance pitch_, energy_;
  std::unique_ptr<nn::Linear> phase_linear_;
};

/// Convolutions that sharpen the mel (Shen et al. 2018, Tacotron 2, §2.2).
class PostNet final : public nn::Module {
 public:
  PostNet(std::int64_t mels, std::int64_t filter, std::int64_t layers, double dropout);
  Tensor forward(const Tensor& mel_BFM) const;

 private:
  std::vector<std::unique_ptr<nn::Conv1d>> convolutions_;
  std::vector<std::unique_ptr<nn::BatchNorm1d>> norms_;
  double dropout_;
};

/// What recipes, voices and parity runs work with: ours and ming024's network, or torphix's (model_torphix.h).
class Network : public nn::Module {
 public:
  virtual Outputs forward(const Inputs& in) const = 0;
  virtual const Config& config() const = 0;
  Probe probe;  ///< for parity and tests
};

/// The network that `config.compat` names. Arguments as FastSpeech2's.
std::unique_ptr<Network> make_network(const Config& config, std::int64_t symbols, std::int64_t speakers,
                                      const Statistics& pitch, const Statistics& energy);

/// The whole network.
class FastSpeech2 final : public Network {
 public:
  /// `symbols`: rows of the phoneme table, padding included. `speakers` > 1, or config.speaker_table, makes a speaker
  /// table.
  FastSpeech2(const Config& config, std::int64_t symbols, std::int64_t speakers, const Statistics& pitch,
              const Statistics& energy);
  Outputs forward(const Inputs& in) const override;
  const Config& config() const override { return config_; }

 private:
  Config config_;
  Stack encoder_;
  VarianceAdaptor variance_adaptor_;
  Stack decoder_;
  nn::Linear mel_linear_;
  std::unique_ptr<PostNet> postnet_;
  std::unique_ptr<nn::Embedding> speaker_emb_;
  std::unique_ptr<nn::Linear> speaker_vec_;
};

}  // namespace timbre::fastspeech2
