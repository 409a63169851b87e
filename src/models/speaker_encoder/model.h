#pragma once
#include "models/speaker_encoder/config.h"
#include "models/speaker_encoder/slices.h"
#include "nn/layers.h"

/// The network. Parameters carry the upstream names of each kind, so their checkpoints load as they are.
/// Letters beyond nn/shapes.h: here T counts mel frames, E the numbers of a speaker vector.
namespace timbre::speaker_encoder {

using nn::Tensor;

class Encoder final : public nn::Module {
 public:
  explicit Encoder(const Config& config);
  /// x_BTM → unit vectors [B, E] out of the last frame.
  Tensor forward(const Tensor& x_BTM) const;

 private:
  struct Layer : nn::Module {
    Layer(std::int64_t in, std::int64_t width, std::int64_t out);
    nn::Lstm lstm;
    nn::Linear linear;
  };
  bool instance_norm_;
  bool unit_by_floor_;  ///< x / max(|x|, 1e-12) as torch's normalize, else x / |x|
  std::vector<std::unique_ptr<Layer>> projected_;
  std::unique_ptr<nn::Lstm> stack_;
  std::unique_ptr<nn::Linear> out_;
};

/// InstanceNorm over time of each mel band, no parameters: x_BTM.
Tensor instance_norm(const Tensor& x_BTM);

/// What a recording gave.
struct Embedded {
  Tensor pieces_PE;  ///< unit vector of each piece
  Tensor vector_E;   ///< of the whole
};

/// Mel of a whole recording [T, M] → its vector, cut as the config's kind says. Resemblyzer's pieces reach beyond the
/// end; what is missing there counts as frames of silence.
Embedded embed_mel(const Encoder& encoder, const Config& config, const Tensor& mel_TM,
                   const std::vector<Range>& pieces);

/// A recording at audio.mel.rate_hz → its vector: front end, cutting, network. Throws DataError for what holds no
/// voice or is too short.
Embedded embed_wave(const Encoder& encoder, const Config& config, std::span<const float> wave_N);

/// Mean of several recordings' vectors; resemblyzer makes it a unit vector again.
Tensor speaker_mean(const Config& config, const Tensor& vectors_NE);

/// The losses over dvecs_NMX: N speakers, M recordings of each, means over all. w and b: scalars, scale and shift of
/// the cosine. Throws std::logic_error for M < 2.
Tensor ge2e_softmax(const Tensor& vectors_NME, const Tensor& w, const Tensor& b);
Tensor ge2e_contrast(const Tensor& vectors_NME, const Tensor& w, const Tensor& b);
/// The first recording against the mean of the others.
Tensor angle_prototypes(const Tensor& vectors_NME, const Tensor& w, const Tensor& b);
/// Cross entropy of a linear layer over all speakers; speakers_N: its rows.
Tensor softmax_over_speakers(const Tensor& vectors_NME, const Tensor& speakers_N, const nn::Linear& layer);

/// The learned part of a loss.
class Criterion final : public nn::Module {
 public:
  /// `speakers`: rows of the softmax layer, for softmaxproto alone.
  Criterion(const std::string& kind, std::int64_t embedding, std::int64_t speakers);
  Tensor forward(const Tensor& vectors_NME, const Tensor& speakers_N) const;

 private:
  std::string kind_;
  Tensor w_, b_;
  std::unique_ptr<nn::Linear> fc_;
};

}  // namespace timbre::speaker_encoder
