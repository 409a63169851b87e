#include "models/speaker_encoder/parity.h"
#include "train/registry.h"

namespace timbre::models {

void register_speaker_encoder_torch(train::Registry& registry) {
  registry.roles().add_parity("speaker_encoder", speaker_encoder::run_parity);
}

}  // namespace timbre::models
