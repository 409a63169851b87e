#pragma once
#include "codecs/small_codec/config.h"
#include "nn/fsq.h"
#include "nn/istft.h"
#include "nn/layers.h"

/// The network. Everything but the encoder's look-ahead is causal, so pieces of a stream give what the whole gives.
/// Letters beyond nn/shapes.h: T inner frames, F frames of codes (T = 2F), K bins, S samples of a window.
namespace timbre::small_codec {

using nn::Tensor;

/// What the causal convolutions of one network heard last, in the order in which they are called.
class Stream {
 public:
  void begin() { next_ = 0; }
  /// [before, x] over time, where `before` are the last `frames` frames of earlier pieces, zeros at first.
  Tensor joined(const Tensor& x_BTC, std::int64_t frames);

 private:
  std::vector<Tensor> past_;
  std::size_t next_ = 0;
};

/// A convolution that looks back alone; `stream` null = x is a whole recording.
Tensor causal_conv(const nn::Conv1d& conv, const Tensor& x_BTC, Stream* stream);

/// Depthwise convolution, normalisation, two pointwise layers around it all (Liu et al. 2022, arXiv 2201.03545).
class Block final : public nn::Module {
 public:
  Block(std::int64_t width, const Config& config, std::int64_t blocks);
  Tensor forward(const Tensor& x_BTC, Stream* stream) const;

 private:
  nn::Conv1d depthwise_;
  nn::LayerNorm norm_;
  nn::Linear expand_, contract_;
  Tensor scale_;
};

/// Log-mels to what is quantised.
class Encoder final : public nn::Module {
 public:
  explicit Encoder(const Config& config);
  /// mel_BTM: an even number of inner frames → [B, T/2, encoder_width].
  Tensor forward(const Tensor& mel_BTM, Stream* stream) const;

 private:
  nn::Conv1d in_;
  nn::LayerNorm in_norm_;
  std::vector<std::unique_ptr<Block>> fine_, blocks_;
  nn::Linear join_;
  nn::LayerNorm norm_;
};

/// Codebooks one after the other, each quantising what is left.
class Quantiser final : public nn::Module {
 public:
  explicit Quantiser(const Config& config);
  struct Result {
    Tensor out_BFD;
    Tensor codes_BFQ;  ///< int64
  };
  /// codebooks_B (int64): how many each recording uses; undefined = the first `codebooks`.
  Result forward(const Tensor& x_BFD, std::int64_t codebooks, const Tensor& codebooks_B = {}) const;
  /// What forward() makes of these codes. Throws DataError for a code that is out of range.
  Tensor decode(const Tensor& codes_BFQ) const;

 private:
  std::vector<std::unique_ptr<nn::Fsq>> levels_;
};

/// Quantised frames to spectra of inner frames.
class Decoder final : public nn::Module {
 public:
  explicit Decoder(const Config& config);
  struct Spectra {
    Tensor real_BTK, imag_BTK;
  };
  Spectra forward(const Tensor& x_BFD, Stream* stream) const;

 private:
  nn::Conv1d in_;
  nn::LayerNorm in_norm_;
  std::vector<std::unique_ptr<Block>> blocks_, fine_;
  nn::Linear split_;
  nn::LayerNorm norm_;
  nn::Linear head_;
  std::int64_t bins_;
};

class SmallCodec final : public nn::Module {
 public:
  explicit SmallCodec(const Config& config);

  /// Inner frames of samples that begin margin() before the recording: [B, N] → [B, 1 + (N - fft)/hop, M].
  Tensor mel(const Tensor& padded_BN) const;
  /// A whole number of frames of samples, [B, N] → [B, N/frame, encoder_width].
  Tensor encode(const Tensor& wave_BN) const;
  /// [B, F, encoder_width] → [B, F·frame].
  Tensor decode(const Tensor& x_BFD) const;

  Encoder encoder;
  Quantiser quantiser;
  Decoder decoder;
  const Config& config() const { return config_; }
  const nn::Istft& istft() const { return istft_; }

 private:
  Config config_;
  nn::Istft istft_;
  Tensor window_S_, filters_KM_;
};

}  // namespace timbre::small_codec
