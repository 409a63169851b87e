#include "codecs/small_codec/model_codec.h"
#include "codecs/small_codec/recipe.h"
#include "train/registry.h"

namespace timbre::models {

void register_small_codec_torch(train::Registry& registry) {
  registry.add_recipe(
      "small_codec",
      [](const roles::ModelConfig& config) -> std::unique_ptr<train::Recipe> {
        return std::make_unique<small_codec::Recipe>(dynamic_cast<const small_codec::Config&>(config));
      },
      [](train::TrainOptions& o, const std::string&) {
        o.optim.kind = "adamw";
        o.optim.lr = 1e-3;
        o.optim.beta1 = 0.8;
        o.optim.beta2 = 0.99;
        o.optim.clip_norm = 5.0;
        o.schedule.kind = "warmup_cosine";
        o.schedule.warmup_steps = 200;
        o.batch.items = 16;
        o.max_steps = 12000;
        o.valid_every_steps = 500;
        o.valid_at_epoch_end = false;
      });
  registry.roles().add_codec("small_codec", small_codec::open_codec);
}

}  // namespace timbre::models
