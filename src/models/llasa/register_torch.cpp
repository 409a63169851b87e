#include "models/llasa/parity.h"
#include "models/llasa/parity_trainer.h"
#include "models/llasa/recipe.h"
#include "models/llasa/recipe_base.h"
#include "models/llasa/trainer_file.h"
#include "train/registry.h"

namespace timbre::models {

void register_llasa_torch(train::Registry& registry) {
  registry.add_recipe(
      "llasa",
      [](const roles::ModelConfig& config) -> std::unique_ptr<train::Recipe> {
        return std::make_unique<llasa::Recipe>(dynamic_cast<const llasa::Config&>(config));
      },
      llasa::recipe_defaults);
  registry.add_foreign_base("llasa", llasa::about_hf_base);
  registry.add_run_file([](const std::string& text, const std::string& where) -> std::optional<std::string> {
    if (!llasa::looks_like_trainer_file(text)) return std::nullopt;
    return llasa::run_file_of(text, where);
  });
  registry.roles().add_parity_part("llasa_lm", llasa::run_lm_parity);
  registry.roles().add_parity_part("llasa_lm", llasa::run_trainer_parity);
  registry.roles().add_parity_part("llasa_lm", llasa::run_adamw_parity);
}

}  // namespace timbre::models
