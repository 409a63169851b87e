#include "models/valle/parity.h"
#include "models/valle/parity_runs.h"
#include "models/valle/parity_scaled_adam.h"
#include "models/valle/recipe.h"
#include "models/valle/recipe_mel.h"
#include "train/registry.h"

namespace timbre::models {

void register_valle_torch(train::Registry& registry) {
  registry.add_recipe(
      "valle",
      [](const roles::ModelConfig& config) -> std::unique_ptr<train::Recipe> {
        const auto& own = dynamic_cast<const valle::Config&>(config);
        if (own.network() == valle::Network::transformer) return std::make_unique<valle::MelRecipe>(own);
        return std::make_unique<valle::Recipe>(own);
      },
      valle::trainer_defaults);
  registry.add_trainer("valle", "Flags of lifeiteng/vall-e's trainer",
                       [] { return std::make_shared<valle::Trainer>(); });
  registry.roles().add_parity_part("valle_lifeiteng", valle::run_lifeiteng_parity);
  registry.roles().add_parity_part("valle_lifeiteng", valle::run_resumed_parity);
  registry.roles().add_parity_part("valle_x", valle::run_finetune_parity);
  registry.roles().add_parity("scaled_adam_eden", valle::run_scaled_adam_parity);
  registry.roles().add_parity_part("valle_x", valle::run_vallex_parity);
}

}  // namespace timbre::models
