#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "models/fastspeech2/torphix_names.h"
#include "models/fastspeech2/yaml_values.h"

/// What torphix's programs read beside a checkpoint: config/model.yaml, train.yaml, data.yaml. Key names are theirs.
namespace timbre::fastspeech2 {
namespace {

const char* level(const std::string& ours) { return ours == "frame" ? "mel_frame" : "phoneme_frame"; }

std::string stack(const StackOptions& o) {
  return fmt::format("{{hid_d: {}, in_d: {}, k_size: {}, n_blocks: {}, n_heads: {}, out_d: {}}}", o.filter, o.width,
                     o.kernel, o.layers, o.heads, o.width);
}

std::string model_yaml(const Config& c, std::int64_t symbols) {
  return fmt::format(
      R"(model:
  decoder: {}
  dropout: {}
  emb_d: {}
  encoder: {}
  n_speakers: 430
  pad_idx: 0
  phoneme_dict_size: {}
  postnet: {{n_layers: {}}}
  variance_config:
    energy_feature_level: {}
    hid_d: {}
    in_d: {}
    k_size: {}
    metadata: null
    n_bins: {}
    onnx_export: false
    out_d: {}
    pitch_feature_level: {}
    quantization_type: linear
speaker_embedding:
  config_path: speaker_encoder/pretrained_model/config.json
  embed: false
  model_path: speaker_encoder/pretrained_model/best_model.pth.tar
  preprocess: false
  type: null
)",
      stack(c.decoder), yaml_number(c.postnet_dropout), c.encoder.width, stack(c.encoder), symbols, c.postnet_layers,
      level(c.variance.energy_level), c.variance.filter, c.encoder.width, c.variance.kernel, c.variance.bins,
      c.encoder.width, level(c.variance.pitch_level));
}

std::string train_yaml(const AdamState& adam, const nlohmann::json& step_lr) {
  const bool known = step_lr.is_object();
  return fmt::format(
      R"(checkpoint_path: null
dataloader:
  batch_size: 4
  num_workers: 2
  pin_memory: false
  shuffle: true
  split: [99, 1]
optimizer:
  betas: [{}, {}]
  lr: {}
scheduler:
  gamma: {}
  step_size: {}
trainer:
  accelerator: gpu
  accumulate_grad_batches: 4
  auto_lr_find: true
  check_val_every_n_epoch: 1
  default_root_dir: checkpoints
  devices: 1
  gradient_clip_algorithm: value
  gradient_clip_val: null
  max_epochs: 30
  min_epochs: 30
)",
      yaml_number(adam.beta1), yaml_number(adam.beta2), yaml_number(adam.initial_lr > 0 ? adam.initial_lr : adam.lr),
      yaml_number(known ? step_lr.value("gamma", 0.95) : 0.95),
      known ? step_lr.value("step_size", std::int64_t{1}) : 1);
}

}  // namespace

std::string torphix_data_yaml(const Config& c, const std::string& dataset) {
  return fmt::format(
      R"(audio:
  energy_feature_level: {}
  f_max: {}
  f_min: {}
  hop_length: {}
  max_wav_value: 32768.0
  min_level_db: -100
  n_fft: {}
  n_mels: {}
  norm_type: mean_std
  normalisation: true
  pitch_feature_level: {}
  sample_rate: {}
  win_length: {}
dataset: {}
dataset_dir: fastspeech2/data/database
lexicon_path: fastspeech2/lexicons/english_libre.txt
speaker_embedding:
  embed: false
  preprocess: false
  type: None
text:
  language: en
  text_cleaners: [english_cleaners]
)",
      level(c.variance.energy_level), yaml_number(c.mel.f_max_hz > 0 ? c.mel.f_max_hz : c.mel.rate_hz / 2.0),
      yaml_number(c.mel.f_min_hz), c.mel.hop_samples, c.mel.fft_samples, c.mel.mels, level(c.variance.pitch_level),
      c.mel.rate_hz, c.mel.window_samples, nlohmann::json(dataset).dump());
}

void write_torphix_yaml(const fs::path& out, const std::string& dataset, const Config& config, std::int64_t symbols,
                        const std::optional<AdamState>& adam, const nlohmann::json& step_lr) {
  const fs::path place = out / "config";
  make_folders(place);
  AdamState plain;
  plain.lr = 2e-4;
  plain.beta2 = 0.99;
  write_file_atomic(place / "model.yaml", model_yaml(config, symbols));
  write_file_atomic(place / "data.yaml", torphix_data_yaml(config, dataset));
  write_file_atomic(place / "train.yaml", train_yaml(adam.value_or(plain), step_lr));
}

}  // namespace timbre::fastspeech2
