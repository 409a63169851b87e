#include "models/fastspeech2/model_synthesizer.h"
#include "models/fastspeech2/parity.h"
#include "models/fastspeech2/recipe.h"
#include "train/registry.h"

namespace timbre::models {
namespace {

/// The loop's defaults: ming024's own for its preset, ours for the small ones.
void set_defaults(train::TrainOptions& o, const std::string& preset) {
  o.optim.clip_norm = 1.0;
  if (preset == "ming024") {
    o.optim.kind = "adam";
    o.schedule.kind = "ming024";
    o.schedule.warmup_steps = 4000;
    o.batch.items = 16;
    o.max_steps = 900000;
    o.save_every_steps = 100000;
    o.valid_every_steps = 1000;
    return;
  }
  if (preset == "torphix") {
    o.optim.kind = "adam";
    o.optim.lr = 2e-4;
    o.optim.beta2 = 0.99;
    o.optim.eps = 1e-8;
    o.optim.clip_norm = 0;
    o.schedule.kind = "constant";
    o.batch.items = 4;
    o.accumulate = 4;
    o.max_epochs = 30;
    return;
  }
  o.optim.kind = "adamw";
  o.optim.lr = 1e-3;
  o.optim.weight_decay = 1e-2;
  o.schedule.kind = "warmup_cosine";
  o.schedule.warmup_steps = 100;
  o.batch.items = 0;
  o.batch.units = 3000;
  o.max_epochs = 60;
}

}  // namespace

void register_fastspeech2_torch(train::Registry& registry) {
  registry.add_recipe(
      "fastspeech2",
      [](const roles::ModelConfig& config) -> std::unique_ptr<train::Recipe> {
        return std::make_unique<fastspeech2::Recipe>(dynamic_cast<const fastspeech2::Config&>(config));
      },
      set_defaults);
  registry.roles().add_synthesizer("fastspeech2", fastspeech2::open_synthesizer);
  registry.roles().add_parity("fastspeech2_ming024", fastspeech2::run_parity);
  registry.roles().add_parity("fastspeech2_torphix", fastspeech2::run_torphix_parity);
}

}  // namespace timbre::models
