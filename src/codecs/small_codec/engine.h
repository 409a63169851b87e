#pragma once
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "audio/fft.h"
#include "base/scratch.h"
#include "codecs/small_codec/codec_role.h"
#include "kernels/conv.h"
#include "roles/registry.h"
#include "weights/fsq_codebook.h"
#include "weights/shaped_reader.h"

/// The codec for inference without LibTorch: model.h says what each layer computes. Rows are frames, channels close
/// together; a stream's memory lies in an EnginePast. Letters: T inner frames, F frames of codes, K bins, S samples of
/// a window.
namespace timbre::small_codec {

/// What the causal convolutions of one direction heard last, in the order in which they are called.
class EnginePast {
 public:
  void begin() { next_ = 0; }
  /// [before, x], where `before` are the last `back` rows of earlier pieces, zeros at first; from `scratch`.
  const float* joined(const float* x_TC, std::int64_t rows, std::int64_t channels, std::int64_t back, Scratch& scratch);

 private:
  std::vector<std::vector<float>> past_;
  std::size_t next_ = 0;
};

struct EngineNorm {
  std::vector<float> gain, shift;
  void read(weights::ShapedReader& reader, const std::string& name, std::int64_t width);
  /// to may be from.
  void run(const float* from_TC, std::int64_t rows, float* to_TC) const;
};

/// A convolution of three frames that looks back alone, and its norm: how both directions begin.
class EngineEntry {
 public:
  EngineEntry(weights::ShapedReader& reader, const std::string& side, std::int64_t inputs, std::int64_t width);
  void run(const float* x_TI, std::int64_t rows, float* to_TC, EnginePast& past, Scratch& scratch) const;

 private:
  kernels::Packed convolution_;
  EngineNorm norm_;
};

class EngineBlock {
 public:
  EngineBlock(weights::ShapedReader& reader, const std::string& name, std::int64_t width, const Config& config);
  /// x in place.
  void run(float* x_TC, std::int64_t rows, EnginePast& past, Scratch& scratch) const;

 private:
  /// Floats from one inner row to the next: a power of two would put the rows of a tile on the same cache sets.
  std::int64_t inner_row() const { return expand_.outputs() + 16; }

  kernels::PackedDepthwise depthwise_;
  EngineNorm norm_;
  kernels::Packed expand_, contract_;  ///< contract_ has the block's scale multiplied in
};

/// One codebook: nn/fsq.h.
class EngineLevel {
 public:
  EngineLevel(weights::ShapedReader& reader, const std::string& name, std::int64_t width,
              const std::vector<std::int64_t>& levels);
  /// The code of a frame, whose vector is taken from x_D.
  std::int32_t quantise(float* x_D) const;
  /// x_D += the vector of a code.
  void add(std::int32_t code, float* x_D) const;

 private:
  static constexpr std::size_t kMostDims = 16;  ///< of two levels each: Config has 65,536 codes at most
  using Coordinates = std::array<float, kMostDims>;
  void add_vector(const Coordinates& coordinates_K, float sign, float* x_D) const;

  weights::FsqCodebook codebook_;
  std::int64_t width_;
  bool projects_;
  std::vector<float> in_KD_, in_bias_K_, out_DK_, out_bias_D_;
  std::vector<float> half_K_, offset_K_, shift_K_, steps_K_;
};

/// The network with its weights. Computing changes nothing in it but the scratch, so streams may take turns; not
/// thread-safe.
class Engine {
 public:
  /// Throws DataError (naming `where`) when the weights are not those of this network. They are copied.
  Engine(const Config& config, const weights::TensorMap& weights, const std::string& where);

  /// As EncodePass::run, codes of the first `codebooks`.
  std::vector<std::int32_t> encode(std::span<const float> samples_N, std::int64_t skip, std::int64_t inner,
                                   std::int64_t codebooks, EnginePast& past);
  /// As DecodePass::run.
  void decode(std::span<const std::int32_t> codes_FQ, std::int64_t frames, EnginePast& past,
              std::vector<float>& windows_TS);
  const Config& config() const { return config_; }

 private:
  Engine(const Config& config, weights::ShapedReader&& reader);
  void hear(std::span<const float> samples_N, std::int64_t first, std::int64_t inner, float* mel_TM);
  void sound(const float* out_TK, std::int64_t inner, float* windows_TS);

  Config config_;
  EngineEntry encoder_in_;
  std::vector<EngineBlock> encoder_fine_, encoder_blocks_;
  kernels::Packed join_;
  EngineNorm encoder_norm_;
  std::vector<EngineLevel> levels_;
  EngineEntry decoder_in_;
  std::vector<EngineBlock> decoder_blocks_, decoder_fine_;
  kernels::Packed split_, head_;
  EngineNorm decoder_norm_;
  audio::RealFft<float> fft_;
  kernels::Packed filters_;
  std::vector<float> window_S_;
  Scratch scratch_;
};

/// For the registry. Throws DataError naming file and field.
std::unique_ptr<roles::Codec> open_engine(const roles::VoiceFiles& folder);

}  // namespace timbre::small_codec
