#include "codecs/vocos/code_vocoder.h"
#include "codecs/vocos/config.h"
#include "codecs/vocos/convert.h"
#include "codecs/vocos/engine_vocoder.h"
#include "roles/registry.h"

namespace timbre::models {

void register_vocos(roles::Registry& registry) {
  using vocos::Config;
  const auto preset = [](const char* name, const char* summary, void (*apply)(Config&)) {
    return roles::Preset{name, summary, [apply](roles::ModelConfig& config) { apply(dynamic_cast<Config&>(config)); }};
  };
  registry.add({
      .name = "vocos",
      .summary = "a vocoder with an inverse Fourier transform (Vocos, arXiv 2306.00814)",
      .make_config = [] { return std::make_unique<Config>(); },
      .presets = {preset("small", "16 kHz for FastSpeech 2 small, trained on CPUs", vocos::apply_small),
                  preset("mel24khz", "13.5 M parameters: the published mel vocoder", vocos::apply_mel24khz),
                  preset("encodec24khz", "7.9 M: the published one for EnCodec's codes", vocos::apply_encodec24khz),
                  preset("debug", "two blocks of width 16, for trying things out", vocos::apply_debug)},
      .columns = [](const roles::ModelConfig&) { return std::vector<roles::ColumnNeed>{}; },
      .converters = {{.format = "vocos",
                      .summary = "gemelo-ai/vocos: a folder with config.yaml and pytorch_model.bin",
                      .recognises = vocos::looks_like_vocos,
                      .to_voice = vocos::vocos_to_folder,
                      .from_voice = vocos::folder_to_vocos}},
      .parts =
          {{.name = "backbone", .summary = "the ConvNeXt blocks", .patterns = {"backbone"}, .also = {}},
           {.name = "head", .summary = "the linear layer before the inverse STFT", .patterns = {"head"}, .also = {}}},
  });
  registry.add_vocoder_engine("vocos", {.lacks = vocos::engine_lacks, .make = vocos::open_engine});
  registry.add_code_vocoder_engine("vocos", {.lacks = {}, .make = vocos::open_code_vocoder});
}

}  // namespace timbre::models
