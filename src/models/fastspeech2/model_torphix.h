#pragma once
#include "models/fastspeech2/model.h"

/// The network of torphix/fastspeech2-TTS, for voices imported from there (`compat`). Modules carry its names. It is
/// FastSpeech 2 with accidents that its weights were trained with, so they stay, here alone:
///   attention   the three projections are passed in the wrong order: scores = V·Qᵀ, output = softmax·K, and every head
///               is as wide as the model
///   block       torphix-head normalises the convolutions' output before it adds what went in
///   positions   torphix-19e23c5 adds the table twice before the encoder
///   mel_frame   pitch and energy of frames are predicted, and their embeddings made but not added
///   post-net    torphix-head does not add its input
///   durations   torphix-19e23c5 takes given durations for logarithms in evaluation mode (Inputs::whole_durations)
/// and in the loss (recipe_losses.cpp) the target of 80 frames that is turned on its side.
namespace timbre::fastspeech2 {

/// Which of its two generations.
enum class TorphixKind { head, march };  ///< march: commit 19e23c5
TorphixKind torphix_kind(const Config& config);

/// The reference's table of sinusoids, stored in its checkpoints: pe [rows, 1, D].
class TorphixPositions final : public nn::Module {
 public:
  TorphixPositions(std::int64_t rows, std::int64_t width, double dropout);
  /// Adds rows 0 … T-1, computed where the table ends before T, and drops out.
  Tensor forward(const Tensor& x_BTD) const;

 private:
  Tensor pe_T1D_;
  double dropout_;
};

/// Attends with its projections mixed up.
class TorphixAttention final : public nn::Module {
 public:
  explicit TorphixAttention(const StackOptions& options);
  /// pad_BT may be undefined: nothing is hidden.
  Tensor forward(const Tensor& x_BTD, const Tensor& pad_BT) const;

 private:
  nn::Linear w_qs_, w_ks_, w_vs_;
  nn::LayerNorm layer_norm_;
  nn::Linear fc_;
  std::int64_t heads_;
  double dropout_;
};

class TorphixBlock final : public nn::Module {
 public:
  TorphixBlock(const StackOptions& options, TorphixKind kind);
  Tensor forward(const Tensor& x_BTD, const Tensor& pad_BT, const std::string& name, const Probe& probe) const;

 private:
  TorphixAttention attention_;
  nn::Conv1d widen_, narrow_;
  nn::LayerNorm norm_;
  TorphixKind kind_;
  double dropout_;
};

/// Blocks behind a table of positions, and the phoneme table where it is the encoder's.
class TorphixStack final : public nn::Module {
 public:
  /// symbols > 0 makes the phoneme table, in front of the positions.
  TorphixStack(const StackOptions& options, std::int64_t positions, TorphixKind kind, std::int64_t symbols = 0);
  Tensor embed(const Tensor& text_BP) const { return phoneme_embedding_->forward(text_BP); }
  Tensor forward(Tensor x_BTD, const Tensor& pad_BT, const std::string& name, const Probe& probe) const;

 private:
  std::vector<std::unique_ptr<TorphixBlock>> layers_;
  std::unique_ptr<nn::Embedding> phoneme_embedding_;
  TorphixPositions positional_enc_;
};

/// Three convolutions and a line; in torphix-19e23c5 the second has no norm.
class TorphixPredictor final : public nn::Module {
 public:
  TorphixPredictor(const Config& config, TorphixKind kind);
  Tensor forward(const Tensor& x_BTD, const Tensor& pad_BT) const;

 private:
  std::vector<std::unique_ptr<nn::Conv1d>> convolutions_;
  std::vector<std::unique_ptr<nn::LayerNorm>> norms_;  ///< null where there is none
  nn::Linear linear_;
  double dropout_;
};

/// Duration, pitch, energy and the step from phonemes to frames.
class TorphixVariance final : public nn::Module {
 public:
  TorphixVariance(const Config& config, TorphixKind kind, const Statistics& pitch, const Statistics& energy);
  Tensor forward(Tensor x_BPD, const Inputs& in, Outputs& out, const Probe& probe) const;

 private:
  Tensor frames_of(const Inputs& in, const Tensor& log_duration_BP) const;
  Tensor add_variance(const TorphixPredictor& predictor, const nn::Embedding& table, const Tensor& bins,
                      const Tensor& x_BTD, const Tensor& target_BT, const Tensor& pad_BT, double factor,
                      Tensor& prediction_BT) const;
  VarianceOptions options_;
  TorphixKind kind_;
  Tensor pitch_bins_, energy_bins_;
  TorphixPredictor duration_predictor_, pitch_predictor_, energy_predictor_;
  nn::Embedding pitch_embedding_, energy_embedding_;
};

/// Convolutions behind the decoder: with BatchNorm (torphix-head), or with LayerNorm in the middle ones
/// (torphix-19e23c5).
class TorphixPostNet final : public nn::Module {
 public:
  TorphixPostNet(const Config& config, TorphixKind kind);
  Tensor forward(const Tensor& mel_BFM) const;

 private:
  std::vector<std::unique_ptr<nn::Conv1d>> convolutions_;
  std::vector<std::unique_ptr<nn::BatchNorm1d>> batch_norms_;
  std::vector<std::unique_ptr<nn::LayerNorm>> layer_norms_;  ///< of all but the first and the last
  double dropout_;
};

/// Number of boundaries strictly below each value; 0 for NaN. Values in the precision they come in.
Tensor torphix_bucket(const Tensor& value, const Tensor& bins);

class Torphix final : public Network {
 public:
  /// `symbols`: rows of the phoneme table.
  Torphix(const Config& config, std::int64_t symbols, const Statistics& pitch, const Statistics& energy);
  /// Frames are masked in the decoder only when mel_lens_B is given, as the reference's inference does not.
  Outputs forward(const Inputs& in) const override;
  const Config& config() const override { return config_; }

 private:
  Config config_;
  TorphixKind kind_;
  std::unique_ptr<nn::Embedding> phoneme_embedding_;  ///< torphix-19e23c5, like the table below
  std::unique_ptr<TorphixPositions> positional_encoding_;
  TorphixStack encoder_;
  TorphixVariance variance_adaptor_;
  nn::Conv1d projection_;
  TorphixStack decoder_;
  TorphixPostNet postnet_;
};

}  // namespace timbre::fastspeech2
