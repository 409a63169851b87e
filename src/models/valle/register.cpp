#include "models/valle/config.h"
#include "models/valle/convert.h"
#include "models/valle/engine_synthesizer.h"
#include "roles/registry.h"

namespace timbre::models {

void register_valle(roles::Registry& registry) {
  using valle::Config;
  const auto preset = [](const char* name, const char* summary, void (*apply)(Config&)) {
    return roles::Preset{name, summary, [apply](roles::ModelConfig& config) { apply(dynamic_cast<Config&>(config)); }};
  };
  registry.add({
      .name = "valle",
      .summary = "text and a few seconds of a voice to that voice's codes (VALL-E, arXiv 2301.02111)",
      .make_config = [] { return std::make_unique<Config>(); },
      .presets = {preset("small", "256 wide, 4 layers, four codebooks of the small codec: trains on a CPU",
                         valle::apply_small),
                  preset("lifeiteng", "the 367 M network of lifeiteng/vall-e, checkpoint for checkpoint",
                         valle::apply_lifeiteng),
                  preset("vallex", "the 371 M network of Plachtaa/VALL-E-X: English, Chinese, Japanese",
                         valle::apply_vallex),
                  preset("debug", "two layers of width 64, for trying things out", valle::apply_debug)},
      .columns =
          [](const roles::ModelConfig& config) { return valle::columns_of(dynamic_cast<const Config&>(config)); },
      .converters = {valle::lifeiteng_converter(), valle::vallex_converter()},
      .parts = {{"ar", "what writes the first codebook", {"ar_*"}, {"train_stage_1"}},
                {"nar", "what writes the others", {"nar_*"}, {"train_stage_2"}}},
  });
  registry.add_code_synthesizer_engine("valle", {.lacks = valle::voice_lacks, .make = valle::open_engine});
}

}  // namespace timbre::models
