#include "models/speaker_encoder/model_embedder.h"
#include "models/speaker_encoder/parity.h"
#include "models/speaker_encoder/recipe.h"
#include "train/registry.h"

namespace timbre::models {

void register_speaker_encoder_torch(train::Registry& registry) {
  registry.add_recipe(
      "speaker_encoder",
      [](const roles::ModelConfig& config) -> std::unique_ptr<train::Recipe> {
        return std::make_unique<speaker_encoder::Recipe>(dynamic_cast<const speaker_encoder::Config&>(config));
      },
      [](train::TrainOptions& o, const std::string& preset) {
        o.optim.kind = "adamw";
        o.optim.lr = preset == "mozilla" ? 1e-4 : 1e-3;
        o.optim.clip_norm = 3.0;
        o.schedule.kind = "warmup_cosine";
        o.schedule.warmup_steps = 100;
        o.batch.items = 1;  // an item is a whole batch
        o.max_steps = preset == "mozilla" || preset == "resemblyzer" ? 300000 : 2000;
        o.valid_every_steps = preset == "mozilla" || preset == "resemblyzer" ? 2000 : 100;
        o.valid_at_epoch_end = false;
      });
  registry.roles().add_speaker_encoder("speaker_encoder", speaker_encoder::open_encoder);
  registry.roles().add_parity("speaker_encoder", speaker_encoder::run_parity);
}

}  // namespace timbre::models
