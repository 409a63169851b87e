#pragma once
#include "models/valle/config.h"

namespace timbre::valle {

/// A network that a test makes, runs and forgets: two layers of width 16 over codebooks of 20.
inline Config tiny_config() {
  Config config;
  apply_debug(config);
  config.decoder_dim = 16;
  config.nhead = 2;
  config.codebook_size = 20;
  config.text_rows = 12;
  config.dropout = 0;
  return config;
}

}  // namespace timbre::valle
