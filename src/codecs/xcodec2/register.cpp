#include "codecs/xcodec2/config.h"
#include "codecs/xcodec2/convert.h"
#include "roles/registry.h"

namespace timbre::models {

void register_xcodec2(roles::Registry& registry) {
  using xcodec2::Config;
  registry.add({
      .name = "xcodec2",
      .summary = "16 kHz speech to 50 codes a second and back, the codec of Llasa (arXiv 2502.04128)",
      .make_config = [] { return std::make_unique<Config>(); },
      .presets = {{"published", "the sizes of HKUSTAudio/xcodec2: 629 M parameters", [](roles::ModelConfig&) {}},
                  {"debug", "widths of 32, for trying things out",
                   [](roles::ModelConfig& config) { xcodec2::apply_debug(dynamic_cast<Config&>(config)); }}},
      .columns = [](const roles::ModelConfig&) { return std::vector<roles::ColumnNeed>(); },
      .converters = xcodec2::converters(),
  });
}

}  // namespace timbre::models
