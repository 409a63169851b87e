#include "models/speaker_encoder/config.h"
#include "models/speaker_encoder/convert.h"
#include "roles/registry.h"

namespace timbre::models {

void register_speaker_encoder(roles::Registry& registry) {
  using speaker_encoder::Config;
  const auto preset = [](const char* name, const char* summary, void (*apply)(Config&)) {
    return roles::Preset{name, summary, [apply](roles::ModelConfig& config) { apply(dynamic_cast<Config&>(config)); }};
  };
  registry.add({
      .name = "speaker_encoder",
      .summary = "a recording to a vector of who speaks (arXiv 1710.10467, 2003.11982)",
      .make_config = [] { return std::make_unique<Config>(); },
      .presets = {preset("small", "0.3 M parameters, for a corpus of few voices", speaker_encoder::apply_small),
                  preset("mozilla", "9.4 M: the size of HamedHemati's and Mozilla's", speaker_encoder::apply_mozilla),
                  preset("resemblyzer", "1.4 M: Resemblyzer's network and hearing", speaker_encoder::apply_resemblyzer),
                  preset("debug", "one layer of width 32, for trying things out", speaker_encoder::apply_debug)},
      .columns =
          [](const roles::ModelConfig& config) {
            return speaker_encoder::columns_of(dynamic_cast<const Config&>(config));
          },
      .converters = {{.format = "hamed",
                      .summary = "HamedHemati/SpeakerEncoder, Mozilla TTS, Coqui (LSTM): best_model.pth.tar or another "
                                 "checkpoint beside config.json",
                      .recognises = speaker_encoder::looks_like_mozilla,
                      .to_voice = speaker_encoder::mozilla_to_voice,
                      .from_voice = speaker_encoder::voice_to_mozilla},
                     {.format = "resemblyzer",
                      .summary = "resemble-ai/Resemblyzer: pretrained.pt",
                      .recognises = speaker_encoder::looks_like_resemblyzer,
                      .to_voice = speaker_encoder::resemblyzer_to_voice,
                      .from_voice = speaker_encoder::voice_to_resemblyzer}},
  });
}

}  // namespace timbre::models
