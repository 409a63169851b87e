#include "codecs/hifigan/config.h"
#include "codecs/hifigan/convert.h"
#include "codecs/hifigan/engine_vocoder.h"
#include "roles/registry.h"

namespace timbre::models {

void register_hifigan(roles::Registry& registry) {
  using hifigan::Config;
  const auto preset = [](const char* name, const char* summary, void (*apply)(Config&)) {
    return roles::Preset{name, summary, [apply](roles::ModelConfig& config) { apply(dynamic_cast<Config&>(config)); }};
  };
  registry.add({
      .name = "hifigan",
      .summary = "a vocoder of transposed convolutions, trained against discriminators (HiFi-GAN, arXiv 2010.05646)",
      .make_config = [] { return std::make_unique<Config>(); },
      .presets = {preset("small", "0.9 M parameters at 16 kHz with narrow discriminators, for CPUs",
                         hifigan::apply_small),
                  preset("v1", "13.9 M: the published V1", hifigan::apply_v1),
                  preset("v2", "0.9 M: the published V2", hifigan::apply_v2),
                  preset("v3", "1.5 M: the published V3", hifigan::apply_v3),
                  preset("debug", "width 16, for trying things out", hifigan::apply_debug)},
      .columns = [](const roles::ModelConfig&) { return std::vector<roles::ColumnNeed>{}; },
      .converters = {{.format = "hifigan",
                      .summary = "jik876/hifi-gan: g_<steps> beside config.json, and do_<steps> with what it trains on",
                      .recognises = hifigan::looks_like_upstream,
                      .to_voice = hifigan::upstream_to_voice,
                      .from_voice = hifigan::voice_to_upstream}},
      .parts = {{.name = "generator", .summary = "the vocoder", .patterns = {"generator"}, .also = {}},
                {.name = "mpd", .summary = "the discriminators of periods", .patterns = {"mpd"}, .also = {}},
                {.name = "msd", .summary = "the discriminators of scales", .patterns = {"msd"}, .also = {}}},
  });
  registry.add_vocoder_engine("hifigan", {.lacks = {}, .make = hifigan::open_engine_vocoder});
}

}  // namespace timbre::models
