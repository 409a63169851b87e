#include "codecs/encodec/parity.h"
#include "train/registry.h"

namespace timbre::models {

void register_encodec_torch(train::Registry& registry) {
  registry.roles().add_parity("encodec", encodec::run_parity);
  registry.roles().add_parity_part("codebook_io", encodec::run_ecdc_parity);
}

}  // namespace timbre::models
