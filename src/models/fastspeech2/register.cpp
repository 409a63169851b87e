#include "models/fastspeech2/config.h"
#include "models/fastspeech2/engine.h"
#include "models/fastspeech2/names.h"
#include "models/fastspeech2/torphix_names.h"
#include "roles/registry.h"

namespace timbre::models {

void register_fastspeech2(roles::Registry& registry) {
  using fastspeech2::Config;
  const auto preset = [](const char* name, const char* summary, void (*apply)(Config&)) {
    return roles::Preset{name, summary, [apply](roles::ModelConfig& config) { apply(dynamic_cast<Config&>(config)); }};
  };
  const auto mel = [](const std::string& convention) {
    return roles::Preset{"mel-" + convention,
                         "with another: --preset small,mel-" + convention + ", its mels as " + convention + " has them",
                         [convention](roles::ModelConfig& config) {
                           fastspeech2::apply_mel(dynamic_cast<Config&>(config), convention);
                         }};
  };
  registry.add({
      .name = "fastspeech2",
      .summary = "phonemes to mel in parallel, with durations, pitch and energy (arXiv 2006.04558)",
      .make_config = [] { return std::make_unique<Config>(); },
      .presets = {preset("small", "under 5 M parameters, depthwise-separable convolutions: trains on a CPU",
                         fastspeech2::apply_small),
                  preset("ming024", "the 35 M network of ming024/FastSpeech2, checkpoint for checkpoint",
                         fastspeech2::apply_ming024),
                  preset("torphix", "the network of torphix/fastspeech2-TTS, accidents included, for its checkpoints",
                         fastspeech2::apply_torphix),
                  preset("debug", "two layers of width 64, for trying things out", fastspeech2::apply_debug),
                  mel("tacotron"), mel("coqui"), mel("hifigan"), mel("vocos")},
      .columns =
          [](const roles::ModelConfig& config) { return fastspeech2::columns_of(dynamic_cast<const Config&>(config)); },
      .converters = {{.format = "ming024",
                      .summary =
                          "ming024/FastSpeech2: <step>.pth.tar beside stats.json, speakers.json and its YAML files",
                      .recognises = fastspeech2::looks_like_ming024,
                      .to_voice = fastspeech2::ming024_to_voice,
                      .from_voice = fastspeech2::voice_to_ming024},
                     {.format = "torphix",
                      .summary = "torphix/fastspeech2-TTS: fs2_model.*.tar or a Lightning *.ckpt beside model.yaml, "
                                 "data.yaml and all_metadata.json",
                      .recognises = fastspeech2::looks_like_torphix,
                      .to_voice = fastspeech2::torphix_to_voice,
                      .from_voice = fastspeech2::voice_to_torphix}},
      .parts =
          {{"duration", "the duration predictor", {"variance_adaptor.duration_predictor"}, {"variance.duration"}},
           {"pitch", "the pitch predictor and what its value adds", {"variance_adaptor.pitch_*"}, {"variance.pitch"}},
           {"energy",
            "the energy predictor and what its value adds",
            {"variance_adaptor.energy_*"},
            {"variance.energy"}},
           {"speaker", "the speaker table or vector", {"speaker_*"}, {}},
           {"encoder", "phoneme table and encoder", {"encoder", "phoneme_embedding"}, {}},
           {"decoder",
            "decoder and mel layer",
            {"decoder", "mel_linear", "projection", "variance_adaptor.phase_linear"},
            {}},
           {"postnet", "the post-net", {"postnet"}, {}},
           {"variance", "all predictors", {"variance_adaptor"}, {}},
           {"mel",
            "what makes the mel: all but the predictors",
            {"encoder", "phoneme_embedding", "decoder", "mel_linear", "projection", "variance_adaptor.phase_linear",
             "postnet", "speaker_*"},
            {}}},
  });
  registry.add_synthesizer_engine("fastspeech2", {.lacks = fastspeech2::voice_lacks, .make = fastspeech2::open_engine});
}

}  // namespace timbre::models
