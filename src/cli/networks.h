#pragma once
#include "train/registry.h"

namespace timbre::cli {

/// Fills `registry` with every model and codec, the torch halves included. For the verbs of timbre-torch.
inline void register_networks(roles::Registry& registry) {
  models::register_all(registry);
  train::Registry recipes(registry);
  models::register_all_torch(recipes);
}

}  // namespace timbre::cli
