#include "models/llasa/parity.h"
#include "train/registry.h"

namespace timbre::models {

void register_llasa_torch(train::Registry& registry) {
  registry.roles().add_parity_part("llasa_lm", llasa::run_lm_parity);
}

}  // namespace timbre::models
