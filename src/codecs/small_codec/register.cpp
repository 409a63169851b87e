#include "codecs/small_codec/config.h"
#include "codecs/small_codec/engine.h"
#include "roles/registry.h"

namespace timbre::models {

void register_small_codec(roles::Registry& registry) {
  using small_codec::Config;
  const auto preset = [](const char* name, const char* summary, void (*apply)(Config&)) {
    return roles::Preset{name, summary, [apply](roles::ModelConfig& config) { apply(dynamic_cast<Config&>(config)); }};
  };
  registry.add({
      .name = "small_codec",
      .summary = "speech to codes and back: 50 frames a second, causal, for models trained on a CPU",
      .make_config = [] { return std::make_unique<Config>(); },
      .presets = {preset("small", "four codebooks of 1,000, of which the first alone is understood: 0.5 to 2 kbit/s",
                         small_codec::apply_small),
                  preset("single", "one codebook of 15,360: 0.7 kbit/s", small_codec::apply_single),
                  preset("debug", "widths of 32, for trying things out", small_codec::apply_debug)},
      .columns = [](const roles::ModelConfig&) { return std::vector<roles::ColumnNeed>{}; },
      .converters = {},
  });
  registry.add_codec_engine("small_codec", {.lacks = {}, .make = small_codec::open_engine});
}

}  // namespace timbre::models
