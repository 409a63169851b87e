#include "codecs/hifigan/model_vocoder.h"
#include "codecs/hifigan/parity.h"
#include "codecs/hifigan/recipe.h"
#include "train/registry.h"

namespace timbre::models {

void register_hifigan_torch(train::Registry& registry) {
  registry.add_recipe(
      "hifigan",
      [](const roles::ModelConfig& config) -> std::unique_ptr<train::Recipe> {
        return std::make_unique<hifigan::Recipe>(dynamic_cast<const hifigan::Config&>(config));
      },
      [](train::TrainOptions& o, const std::string& preset) {
        const bool published = preset.starts_with("v");
        o.optim.kind = "adamw";
        o.optim.lr = 2e-4;
        o.optim.beta1 = 0.8;
        o.optim.beta2 = 0.99;
        o.optim.eps = 1e-8;
        o.optim.weight_decay = 0.01;
        o.optim.clip_norm = 0;
        o.schedule.kind = "exponential";
        o.schedule.decay = 0.999;
        o.batch.items = 16;
        o.batch.order = "random";
        o.max_steps = published ? 2500000 : 30000;
        o.valid_every_steps = published ? 1000 : 500;
        o.valid_at_epoch_end = false;
      });
  registry.roles().add_vocoder("hifigan", hifigan::open_vocoder);
  registry.roles().add_parity("hifigan", hifigan::run_parity);
}

}  // namespace timbre::models
