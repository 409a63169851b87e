#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "roles/spec.h"

/// EnCodec (Défossez et al. 2022, arXiv 2210.13438): SEANet encoder, residual vector quantiser, SEANet decoder.
namespace timbre::encodec {

/// Sizes of the network and how audio is cut. Read off a checkpoint's tensors; what they cannot say (rates,
/// bandwidths, segments) comes from its config.json or from the published kind that its shape is of.
struct Config final : roles::ModelConfig {
  std::string name = "encodec_24khz";  ///< what .ecdc files call the model
  std::int64_t rate_hz = 24000;
  std::int64_t channels = 1;
  std::int64_t filters = 32;                        ///< channels of the first stage, doubled by every other one
  std::int64_t dimension = 128;                     ///< of the codebooks' vectors
  std::vector<std::int64_t> ratios = {8, 5, 4, 2};  ///< upsampling of the decoder's stages, first to last
  std::int64_t kernel = 7, last_kernel = 7, residual_kernel = 3;
  std::int64_t residual_layers = 1;  ///< residual blocks of a stage
  std::int64_t dilation_base = 2;    ///< dilation of block j: this to the power j
  std::int64_t compress = 2;         ///< a residual block has channels / compress inside
  std::int64_t lstm_layers = 2;
  std::int64_t codebooks = 32, codebook_size = 1024;
  /// Causal convolutions with folded weights (24 kHz), or centred ones with GroupNorm behind each (48 kHz).
  bool causal = true;
  bool normalize = false;                                ///< divide each segment by its loudness
  double segment_s = 0;                                  ///< 0 = the whole recording at once
  double overlap = 0.01;                                 ///< share of a segment that the next one repeats
  std::vector<double> bandwidths = {1.5, 3, 6, 12, 24};  ///< kbit/s

  /// Samples of a frame.
  std::int64_t hop_samples() const;
  /// Frames a second, rounded up.
  std::int64_t frame_rate() const;
  /// Bits of a code. Only powers of two are codebook sizes.
  std::int64_t bits() const;
  /// 0 when nothing is cut.
  std::int64_t segment_samples() const;
  std::int64_t stride_samples() const;
  /// Throws UsageError naming the bandwidths there are.
  std::int64_t codebooks_of(double bandwidth_kbps) const;

  config::Fields fields() override;
  std::vector<std::string> problems() const override;
  std::unique_ptr<roles::ModelConfig> clone() const override { return std::make_unique<Config>(*this); }
};

void apply_24khz(Config& config);
void apply_48khz(Config& config);

}  // namespace timbre::encodec
