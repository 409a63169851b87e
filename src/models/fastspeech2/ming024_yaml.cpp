#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "models/fastspeech2/names.h"
#include "models/fastspeech2/yaml_values.h"

/// What ming024's programs read beside a checkpoint: preprocess.yaml, model.yaml, train.yaml. Key names are theirs.
namespace timbre::fastspeech2 {
namespace {

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

const char* word(bool value) { return value ? "True" : "False"; }

std::string model_yaml(const Config& c) {
  return fmt::format(
      R"(transformer:
  encoder_layer: {}
  encoder_head: {}
  encoder_hidden: {}
  decoder_layer: {}
  decoder_head: {}
  decoder_hidden: {}
  conv_filter_size: {}
  conv_kernel_size: [{}, {}]
  encoder_dropout: {}
  decoder_dropout: {}

variance_predictor:
  filter_size: {}
  kernel_size: {}
  dropout: {}

variance_embedding:
  pitch_quantization: {}
  energy_quantization: {}
  n_bins: {}

multi_speaker: {}

max_seq_len: {}

vocoder:
  model: "HiFi-GAN"
  speaker: "universal"
)",
      c.encoder.layers, c.encoder.heads, c.encoder.width, c.decoder.layers, c.decoder.heads, c.decoder.width,
      c.encoder.filter, c.encoder.kernel, c.encoder.kernel_second, yaml_number(c.encoder.dropout),
      yaml_number(c.decoder.dropout), c.variance.filter, c.variance.kernel, yaml_number(c.variance.dropout),
      quoted(c.variance.pitch_scale), quoted(c.variance.energy_scale), c.variance.bins, word(c.speaker_table),
      c.max_frames);
}

std::string preprocess_yaml(const Config& c, const std::string& dataset, const std::string& folder) {
  const bool mandarin = c.front_end == "ming024:mandarin";
  return fmt::format(
      R"(dataset: {}

path:
  corpus_path: ""
  lexicon_path: {}
  raw_path: ""
  preprocessed_path: {}

preprocessing:
  val_size: 512
  text:
    text_cleaners: [{}]
    language: {}
  audio:
    sampling_rate: {}
    max_wav_value: 32768.0
  stft:
    filter_length: {}
    hop_length: {}
    win_length: {}
  mel:
    n_mel_channels: {}
    mel_fmin: {}
    mel_fmax: {}
  pitch:
    feature: "{}_level"
    normalization: {}
  energy:
    feature: "{}_level"
    normalization: {}
)",
      quoted(dataset), mandarin ? "\"lexicon/pinyin-lexicon-r.txt\"" : "\"lexicon/librispeech-lexicon.txt\"",
      quoted(folder), mandarin ? "" : "\"english_cleaners\"", mandarin ? "\"zh\"" : "\"en\"", c.mel.rate_hz,
      c.mel.fft_samples, c.mel.hop_samples, c.mel.window_samples, c.mel.mels, yaml_number(c.mel.f_min_hz),
      c.mel.f_max_hz > 0 ? yaml_number(c.mel.f_max_hz) : "null", c.variance.pitch_level, word(c.variance.normalise),
      c.variance.energy_level, word(c.variance.normalise));
}

/// The reference's own schedule; betas and the like as the checkpoint's optimiser has them.
std::string train_yaml(const AdamState& adam, const std::string& folder) {
  const auto place = [&](const char* below) { return quoted((fs::path(folder) / below).string()); };
  return fmt::format(
      R"(path:
  ckpt_path: {}
  log_path: {}
  result_path: {}
optimizer:
  batch_size: 16
  betas: [{}, {}]
  eps: {}
  weight_decay: {}
  grad_clip_thresh: 1.0
  grad_acc_step: 1
  warm_up_step: 4000
  anneal_steps: [300000, 400000, 500000]
  anneal_rate: 0.3
step:
  total_step: 900000
  log_step: 100
  synth_step: 1000
  val_step: 1000
  save_step: 100000
)",
      quoted(folder), place("log"), place("result"), yaml_number(adam.beta1), yaml_number(adam.beta2),
      yaml_number(adam.eps), yaml_number(adam.weight_decay));
}

}  // namespace

std::string ming024_obstacle(const Config& c) {
  if (c.block != "conv" || c.variance.embedding != "bins" || c.postnet_layers == 0 || c.phase)
    return fmt::format("this network (block={}, variance.embedding={}) is not one that ming024's code can run", c.block,
                       c.variance.embedding);
  if (c.encoder.filter != c.decoder.filter || c.encoder.kernel != c.decoder.kernel ||
      c.encoder.kernel_second != c.decoder.kernel_second)
    return fmt::format(
        "ming024's code has one filter and kernel for both stacks, this network has {}×{},{} and {}×{},{}",
        c.encoder.filter, c.encoder.kernel, c.encoder.kernel_second, c.decoder.filter, c.decoder.kernel,
        c.decoder.kernel_second);
  return {};
}

std::vector<std::string> ming024_changes(const Config& c) {
  constexpr std::int64_t kFilter = 512, kLayers = 5;
  std::vector<std::string> notes;
  if (c.postnet_filter != kFilter || c.postnet_layers != kLayers)
    notes.push_back(
        fmt::format("this post-net has {} layers of {} channels; ming024's code has {} of {} written into "
                    "transformer/Layers.py (PostNet): change it there",
                    c.postnet_layers, c.postnet_filter, kLayers, kFilter));
  if (!c.front_end.starts_with("ming024:"))
    notes.push_back(fmt::format(
        "this voice's text path is {}: ming024's own makes other phones, so give it phones rather than text",
        c.front_end));
  return notes;
}

void write_ming024_yaml(const fs::path& out, const std::string& dataset, const Config& config,
                        const std::optional<AdamState>& adam) {
  const std::string folder = fs::absolute(out).lexically_normal().string();
  const fs::path place = out / "config" / dataset;
  make_folders(place);
  write_file_atomic(place / "model.yaml", model_yaml(config));
  write_file_atomic(place / "preprocess.yaml", preprocess_yaml(config, dataset, folder));
  write_file_atomic(place / "train.yaml", train_yaml(adam.value_or(AdamState()), folder));
}

}  // namespace timbre::fastspeech2
