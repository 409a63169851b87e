#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "audio/speaker_mel.h"
#include "corpus/split.h"
#include "roles/spec.h"

/// Speaker encoder: a recording → a vector of length about 1 that lies near those of the same voice (Wan et al. 2018,
/// arXiv 1710.10467; Chung et al. 2020, arXiv 2003.11982). An LSTM over mel frames, of which the last one counts.
namespace timbre::speaker_encoder {

/// What goes into one training batch.
struct BatchOptions {
  std::int64_t speakers = 16;       ///< N, at most as many as the corpus has
  std::int64_t clips = 6;           ///< M of each
  std::int64_t slice_frames = 160;  ///< a random stretch of each clip
  std::int64_t per_epoch = 10000;   ///< batches that count as an epoch; the next one has them in another order
};

/// How a recording is cut for embedding, and how the vectors of the pieces are joined.
struct SliceOptions {
  std::int64_t frames = 160;
  double overlap = 0.5;        ///< mozilla
  double per_s = 1.3;          ///< resemblyzer: pieces a second
  double min_coverage = 0.75;  ///< resemblyzer: a last piece with less sound in it is left out
};

struct Config final : roles::ModelConfig {
  /// mozilla     HamedHemati/SpeakerEncoder and Mozilla TTS: windows with overlap, mean not normalised again
  /// resemblyzer resemble-ai/Resemblyzer: slices by coverage, normalised mean
  /// coqui       newer Coqui TTS: mozilla's network behind an InstanceNorm
  std::string kind = "mozilla";
  bool projection = true;  ///< mozilla, coqui: a linear layer after each LSTM; else an LSTM stack, one linear and ReLU
  std::int64_t width = 768;
  std::int64_t layers = 3;
  std::int64_t embedding = 256;
  audio::SpeakerMelOptions audio;
  SliceOptions slices;
  std::string loss = "angleproto";  ///< ge2e_softmax, ge2e_contrast, angleproto, softmaxproto
  BatchOptions batches;
  corpus::SplitOptions split;

  config::Fields fields() override;
  std::vector<std::string> problems() const override;
  std::unique_ptr<roles::ModelConfig> clone() const override { return std::make_unique<Config>(*this); }
};

/// 0.4 M parameters, for the few voices of a fine-tuning corpus.
void apply_small(Config& config);
/// 9.4 M parameters: the size of the published Mozilla and HamedHemati encoders.
void apply_mozilla(Config& config);
/// 1.4 M parameters: the size of Resemblyzer's.
void apply_resemblyzer(Config& config);
/// Width 32, for tests.
void apply_debug(Config& config);

std::vector<roles::ColumnNeed> columns_of(const Config& config);

}  // namespace timbre::speaker_encoder
