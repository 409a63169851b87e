#pragma once
#include "codecs/vocos/config.h"
#include "roles/golden.h"

namespace timbre::vocos {

/// The codes that the folder's own codec (encodec_*.th) makes of its recordings, as "audioS.idB.codes".
void put_codes_of_codec(roles::ParityRun& run, const std::string& folder, const Config& config);

}  // namespace timbre::vocos
