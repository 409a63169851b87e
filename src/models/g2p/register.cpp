#include "models/g2p/config.h"
#include "roles/registry.h"

namespace timbre::models {

void register_g2p(roles::Registry& registry) {
  using g2p::Config;
  const auto preset = [](const char* name, const char* summary, void (*apply)(Config&)) {
    return roles::Preset{name, summary, [apply](roles::ModelConfig& config) { apply(dynamic_cast<Config&>(config)); }};
  };
  registry.add({
      .name = "g2p",
      .summary = "letters of an English word to phones, from CMUdict; needs no corpus (arXiv 1409.0473)",
      .make_config = [] { return std::make_unique<Config>(); },
      .presets = {preset("small", "0.6 M parameters: trains on a CPU", g2p::apply_small),
                  preset("debug", "widths of 32 and 64, for trying things out", g2p::apply_debug)},
      .columns = [](const roles::ModelConfig&) { return std::vector<roles::ColumnNeed>(); },
      .own_data = true,
      .converters = {},
  });
}

}  // namespace timbre::models
