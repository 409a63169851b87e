#include "models/g2p/recipe.h"
#include "train/registry.h"

namespace timbre::models {

void register_g2p_torch(train::Registry& registry) {
  registry.add_recipe(
      "g2p",
      [](const roles::ModelConfig& config) -> std::unique_ptr<train::Recipe> {
        return std::make_unique<g2p::Recipe>(dynamic_cast<const g2p::Config&>(config));
      },
      [](train::TrainOptions& o, const std::string&) {
        o.optim.kind = "adamw";
        o.optim.lr = 2e-3;
        o.optim.weight_decay = 1e-2;
        o.optim.clip_norm = 1.0;
        o.schedule.kind = "warmup_cosine";
        o.schedule.warmup_steps = 100;
        o.batch.items = 0;
        o.batch.units = 1024;
        o.max_epochs = 15;
      });
}

}  // namespace timbre::models
