#include "codecs/vocos/model_vocoder.h"
#include "codecs/vocos/parity.h"
#include "codecs/vocos/recipe.h"
#include "train/registry.h"

namespace timbre::models {

void register_vocos_torch(train::Registry& registry) {
  registry.add_recipe(
      "vocos",
      [](const roles::ModelConfig& config) -> std::unique_ptr<train::Recipe> {
        return std::make_unique<vocos::Recipe>(dynamic_cast<const vocos::Config&>(config));
      },
      [](train::TrainOptions& o, const std::string& preset) {
        const bool small = preset != "mel24khz" && preset != "encodec24khz";
        o.optim.kind = "adamw";
        o.optim.lr = 5e-4;
        o.optim.beta1 = 0.8;
        o.optim.beta2 = 0.9;
        o.optim.eps = 1e-8;
        o.optim.weight_decay = 0.01;
        o.optim.clip_norm = 0;
        o.schedule.kind = "warmup_cosine";
        o.schedule.final_ratio = 0;
        o.batch.items = 16;
        o.batch.order = "random";
        o.max_steps = small ? 24000 : 1000000;
        o.valid_every_steps = small ? 500 : 5000;
        o.valid_at_epoch_end = false;
        if (small) {
          o.schedule.warmup_steps = 100;
          o.schedule.final_ratio = 0.02;
          o.optim.clip_norm = 10;
          o.ema = 0.999;
        }
      });
  registry.roles().add_vocoder("vocos", vocos::open_vocoder);
  registry.roles().add_parity("vocos", vocos::run_parity);
}

}  // namespace timbre::models
