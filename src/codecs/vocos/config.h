#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "audio/mel.h"
#include "batch/given_mel_options.h"
#include "batch/segment_options.h"
#include "corpus/split.h"
#include "roles/spec.h"

/// Vocos (Siuzdak 2023, arXiv 2306.00814): mel frames or a codec's codes → waveform. ConvNeXt blocks at the frame rate
/// say magnitude and phase of every bin; an inverse STFT does the rest.
namespace timbre::vocos {

/// The frames → frames part.
struct BackboneOptions {
  std::int64_t width = 512;    ///< channels of a frame
  std::int64_t hidden = 1536;  ///< between the two linear layers of a block
  std::int64_t layers = 8;
  double layer_scale = 0;       ///< first value of every block's gamma; 0 = 1/layers
  std::int64_t bandwidths = 0;  ///< rows of the adaptive norms, one for each bandwidth of a codec; 0 = plain norms
};

/// The frames → samples part.
struct HeadOptions {
  std::int64_t fft_samples = 1024;
  std::int64_t hop_samples = 256;
  std::string padding = "center";  ///< center: (F - 1)·hop samples; same: F·hop
};

/// The kind that takes codes: what its codec is like.
struct CodesOptions {
  std::string codec = "encodec_24khz";                    ///< as the reference names it
  std::vector<double> bandwidths_kbps = {1.5, 3, 6, 12};  ///< by row of the adaptive norms
  std::int64_t codebooks = 16;                            ///< of the largest bandwidth
  std::int64_t codebook_size = 1024;
  bool train_codebooks = false;
};

/// What training weighs; the reference's values are those of its configs/vocos.yaml.
struct LossOptions {
  double mel = 45;          ///< mean |difference| of log mels
  double stft = 0;          ///< spectral convergence and log magnitudes at several resolutions
  double resolution = 0.1;  ///< what the multi-resolution discriminator says, beside the multi-period one
  std::int64_t adversarial_from_step = 1;  ///< 0 = never
};

struct DiscriminatorOptions {
  double period_width = 1, resolution_width = 1;  ///< factors on the channels of the published sizes
  std::int64_t samples = 0;  ///< they judge the middle of every piece alone, so many samples; 0 = all of it
  std::vector<std::int64_t> periods = {2, 3, 5, 7, 11};
  std::vector<std::int64_t> fft_samples = {2048, 1024, 512};
};

struct Config final : roles::ModelConfig {
  std::string features = "mel";  ///< mel, encodec
  std::int64_t inputs = 0;       ///< channels of an input frame; 0 = mel.mels
  audio::MelOptions mel = audio::mel_preset("vocos");
  BackboneOptions backbone;
  HeadOptions head;
  CodesOptions codes;

  LossOptions loss;
  DiscriminatorOptions discriminators;
  batch::GivenMelOptions fine_tune;
  batch::SegmentOptions segments;  ///< their gain_db and peak are 0 when fine-tuning
  corpus::SplitOptions split;
  std::int64_t valid_pieces = 48;

  config::Fields fields() override;
  std::vector<std::string> problems() const override;
  std::unique_ptr<roles::ModelConfig> clone() const override { return std::make_unique<Config>(*this); }

  bool takes_codes() const { return features == "encodec"; }
  std::int64_t input_channels() const { return inputs > 0 ? inputs : mel.mels; }
  std::int64_t rate_hz() const;
  /// Frames to each side of one that decide its samples: 3 for every convolution, and what its window overlaps.
  std::int64_t context_frames() const;
};

/// The published mel vocoder, 24 kHz, 13.5 M parameters.
void apply_mel24khz(Config& config);
/// The published one for EnCodec's codes, 7.9 M parameters.
void apply_encodec24khz(Config& config);
/// 16 kHz, for the mels of FastSpeech 2 `small`; trained and spoken with on CPUs.
void apply_small(Config& config);
/// Width 16, for trying things out.
void apply_debug(Config& config);

/// The body of voice.json that every vocos folder has.
nlohmann::json about_network(const Config& config);
/// The options of voice.json's model.config. Throws DataError naming `where` and the field.
Config config_of(const nlohmann::json& about, const std::string& where);

}  // namespace timbre::vocos
