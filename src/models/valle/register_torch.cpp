#include "models/valle/parity.h"
#include "train/registry.h"

namespace timbre::models {

void register_valle_torch(train::Registry& registry) {
  registry.roles().add_parity_part("valle_lifeiteng", valle::run_lifeiteng_parity);
}

}  // namespace timbre::models
