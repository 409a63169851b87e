#include "codecs/encodec/codec.h"
#include "codecs/encodec/codes_format.h"
#include "codecs/encodec/config.h"
#include "codecs/encodec/convert.h"
#include "roles/registry.h"

namespace timbre::models {

void register_encodec(roles::Registry& registry) {
  using encodec::Config;
  const auto preset = [](const char* name, const char* summary, void (*apply)(Config&)) {
    return roles::Preset{name, summary, [apply](roles::ModelConfig& config) { apply(dynamic_cast<Config&>(config)); }};
  };
  registry.add({
      .name = "encodec",
      .summary = "a recording to residual codes and back (arXiv 2210.13438); imported, not trained here",
      .make_config = [] { return std::make_unique<Config>(); },
      .presets = {preset("24khz", "14.9 M parameters, mono, causal, 1.5 to 24 kbit/s", encodec::apply_24khz),
                  preset("48khz", "18.8 M, stereo, segments of a second, 3 to 24 kbit/s", encodec::apply_48khz)},
      .columns = [](const roles::ModelConfig&) { return std::vector<roles::ColumnNeed>{}; },
      .converters = {{.format = "encodec",
                      .summary = "facebookresearch/encodec: encodec_24khz-….th or encodec_48khz-….th",
                      .recognises = encodec::looks_like_original,
                      .to_voice = encodec::original_to_folder,
                      .from_voice = encodec::folder_to_original},
                     {.format = "encodec-hf",
                      .summary = "Hugging Face EncodecModel: config.json beside model.safetensors or pytorch_model.bin",
                      .recognises = encodec::looks_like_transformers,
                      .to_voice = encodec::transformers_to_folder,
                      .from_voice = encodec::folder_to_transformers}},
      .parts = {},
  });
  registry.add_codec_engine("encodec", {.lacks = {}, .make = encodec::open_codec});
  encodec::add_ecdc_format();
}

}  // namespace timbre::models
