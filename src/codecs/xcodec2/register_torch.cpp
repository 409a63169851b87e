#include "codecs/xcodec2/model_codec.h"
#include "codecs/xcodec2/parity.h"
#include "train/registry.h"

namespace timbre::models {

void register_xcodec2_torch(train::Registry& registry) {
  registry.roles().add_codec("xcodec2", xcodec2::open_codec);
  registry.roles().add_parity("xcodec2", xcodec2::run_parity);
  registry.roles().add_parity_part("codebook_io", xcodec2::run_codebook_parity);
}

}  // namespace timbre::models
