#include "codecs/xcodec2/parity.h"
#include "train/registry.h"

namespace timbre::models {

void register_xcodec2_torch(train::Registry& registry) {
  registry.roles().add_parity_part("codebook_io", xcodec2::run_codebook_parity);
}

}  // namespace timbre::models
