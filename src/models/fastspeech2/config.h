#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audio/mel.h"
#include "corpus/split.h"
#include "roles/spec.h"
#include "text/phonemes.h"

/// FastSpeech 2 (Ren et al. 2021, arXiv 2006.04558): phonemes → encoder → duration, pitch, energy → decoder → mel.
/// With the `ming024` preset it is the network of github.com/ming024/FastSpeech2 to the last bit of its checkpoints;
/// the `small` preset is ours, for training on a CPU.
namespace timbre::fastspeech2 {

/// One stack of blocks (§2.2).
struct StackOptions {
  std::int64_t layers = 4;
  std::int64_t width = 256;
  std::int64_t heads = 2;          ///< 0 = no attention (separable blocks only)
  std::int64_t filter = 1024;      ///< hidden width of the feed-forward part
  std::int64_t kernel = 9;         ///< taps of its first convolution; of the depthwise one in separable blocks
  std::int64_t kernel_second = 1;  ///< taps of the second (conv blocks)
  double dropout = 0.2;
};

/// Duration, pitch and energy (§2.3).
struct VarianceOptions {
  std::int64_t filter = 256;
  std::int64_t kernel = 3;
  double dropout = 0.5;
  std::string pitch_method = "dio";     ///< dio, harvest, pyin: how the corpus is prepared
  std::string pitch_level = "phoneme";  ///< phoneme: one value a phoneme; frame: one a frame
  std::string energy_level = "phoneme";
  std::string pitch_scale = "linear";  ///< spacing of the bins: linear, log
  std::string energy_scale = "linear";
  std::string embedding =
      "bins";  ///< bins: quantised to `bins` rows of a table (§2.3); conv: a convolution over the value
  std::int64_t bins = 256;
  std::int64_t embedding_kernel = 3;  ///< taps of the conv embedding
  std::string rounding = "each";  ///< of predicted durations: each alone (ming024), or carried over from phone to phone
  bool normalise = true;          ///< (x − mean) / deviation of the corpus before anything else
  bool energy_obeys_pitch_control =
      false;  ///< ming024's bug: the energy control is ignored, the pitch control used twice
};

/// Weights of the five losses.
struct LossOptions {
  double mel = 1, postnet = 1, duration = 1, pitch = 1, energy = 1;
};

/// Who speaks, told by the vector of a speaker encoder: then a voice can take after a recording it never learned from.
struct SpeakerVecOptions {
  std::string encoder;      ///< folder of the encoder; "" = the speaker is a row of a table
  std::string of = "clip";  ///< clip: each clip's own vector in training; speaker: the mean of its speaker
  std::int64_t size = 0;    ///< numbers of a vector; set when the corpus is opened
};

/// How phones are found in the clips; what is not given is as the stages aligner and alignment have it.
struct AlignOptions {
  std::optional<std::string> source;
  std::optional<double> min_confidence, train_seconds, min_pause_s, boundary_shift_s;
  std::optional<std::int64_t> gaussians, iterations;
};

/// All options of the model.
struct Config final : roles::ModelConfig {
  std::string front_end = "espeak:en-us";  ///< makes the phones; kept in the voice, "espeak:auto" as what it stands for
  text::TextOptions text;                  ///< how it does; ming024:* have their own way
  AlignOptions align;
  audio::MelOptions mel;
  corpus::SplitOptions split;  ///< what is trained on, what is watched, what is left alone
  std::string block =
      "conv";  ///< conv: the paper's FFT block, norm after; separable: depthwise + pointwise, norm before
  StackOptions encoder, decoder;
  VarianceOptions variance;
  LossOptions loss;
  std::int64_t postnet_layers = 5;  ///< 0 = no post-net
  std::int64_t postnet_filter = 512;
  std::int64_t postnet_filter_first = 0;  ///< of its first convolution; 0 = like the rest
  double postnet_dropout = 0.5;
  std::int64_t max_frames =
      1000;            ///< rows of the position tables; training cuts longer utterances (ming024's max_seq_len)
  bool phase = false;  ///< tell the decoder where in its phoneme each frame lies
  bool cut_long =
      false;  ///< cut utterances beyond max_frames in training as ming024 does, instead of leaving them whole
  bool speaker_table = false;    ///< a speaker embedding even for a single speaker
  SpeakerVecOptions speaker;     ///< who speaks as a vector of a speaker encoder
  bool ming024_symbols = false;  ///< the fixed table of ming024 instead of the corpus' own phones
  /// none; torphix-head, torphix-19e23c5: the network of torphix/fastspeech2-TTS with its accidents (model_torphix.h),
  /// set by `convert` on voices that come from there
  std::string compat = "none";

  config::Fields fields() override;
  std::vector<std::string> problems() const override;
  std::unique_ptr<roles::ModelConfig> clone() const override { return std::make_unique<Config>(*this); }
};

/// The columns this configuration trains on, with the settings that matter.
std::vector<roles::ColumnNeed> columns_of(const Config& config);

/// The network of ming024's config/LJSpeech: 35,159,361 numbers with its tables.
void apply_ming024(Config& config);
/// The network of torphix/fastspeech2-TTS at its last commit, accidents included.
void apply_torphix(Config& config);
/// Ours: depthwise-separable blocks of width 192, continuous pitch and energy, no post-net; under 5 M parameters.
void apply_small(Config& config);
/// Two layers of width 64 for tests.
void apply_debug(Config& config);
/// The mel of another system as a whole (audio::mel_preset): convention, padding and floor, and of vocos, whose mels
/// are its own in every respect, rate, bins and band too.
void apply_mel(Config& config, const std::string& convention);

/// True for the networks of torphix/fastspeech2-TTS.
inline bool is_torphix(const Config& config) { return config.compat.starts_with("torphix"); }

/// What the tables of a voice stand for: row of the embedding = position here.
struct Vocabulary {
  std::vector<std::string> symbols;  ///< symbols[0] is padding
  std::vector<std::string> speakers;
  /// Row of a phone; -1 when the voice has none.
  std::int64_t row(const std::string& phone) const;
  /// Row of the phone, else of its next plainer spelling that is here ("ˈɑː" → "ɑː" → "ɑ", "AH2" → "AH0"); -1 when
  /// there is none.
  std::int64_t nearest_row(const std::string& phone) const;
  std::int64_t speaker_row(const std::string& name) const;
};

/// Corpus statistics of a variance: range and scale.
struct Statistics {
  double min = 0, max = 1;  ///< of the values the model sees (normalised when `normalise`)
  double mean = 0, deviation = 1;
};

/// Measured values as the network takes them: (x − mean) / deviation with `normalise`.
std::vector<float> scaled(std::vector<float> values, const Statistics& statistics, bool normalise);

}  // namespace timbre::fastspeech2
