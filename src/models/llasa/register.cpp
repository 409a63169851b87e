#include "models/llasa/config.h"
#include "models/llasa/convert.h"
#include "models/llasa/engine_synthesizer.h"
#include "roles/registry.h"

namespace timbre::models {

void register_llasa(roles::Registry& registry) {
  using llasa::Config;
  const auto preset = [](const char* name, const char* summary, void (*apply)(Config&)) {
    return roles::Preset{name, summary, [apply](roles::ModelConfig& config) { apply(dynamic_cast<Config&>(config)); }};
  };
  registry.add({
      .name = "llasa",
      .summary = "a language model over text and speech codes, with speaking speed (Llasa, arXiv 2502.04128)",
      .make_config = [] { return std::make_unique<Config>(); },
      .presets = {preset("small", "256 wide, 6 layers, the first codebook of the small codec: trains on a CPU",
                         llasa::apply_small),
                  preset("llasa_1b", "Llasa-1B: 2048 wide, 16 layers, 1.37 B parameters, X-Codec 2",
                         llasa::apply_llasa_1b),
                  preset("llasa_3b", "Llasa-3B: 3072 wide, 28 layers, 4.0 B parameters with its own output matrix",
                         llasa::apply_llasa_3b),
                  preset("llasa_8b", "Llasa-8B: 4096 wide, 32 layers, 8.6 B parameters", llasa::apply_llasa_8b),
                  preset("debug", "two layers of width 64, for trying things out", llasa::apply_debug)},
      .columns = [](const roles::ModelConfig&) { return std::vector<roles::ColumnNeed>{}; },
      .converters = {llasa::hf_converter()},
      .parts = {{"embedding",
                 "the table of tokens, which is the output matrix too where they are tied",
                 {"model.embed_tokens*", "lm_head*"},
                 {}},
                {"layers", "the decoder", {"model.layers*", "model.norm*"}, {}}},
  });
  registry.add_code_synthesizer_engine("llasa", {.lacks = llasa::voice_lacks, .make = llasa::open_engine});
}

}  // namespace timbre::models
