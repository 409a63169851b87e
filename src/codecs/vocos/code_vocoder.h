#pragma once
#include <memory>

#include "roles/code_vocoder.h"
#include "roles/registry.h"

namespace timbre::vocos {

/// A folder with features=encodec, without LibTorch: the sum of the codebooks' rows goes through the network, whose
/// norms are those of the codes' bandwidth. Long recordings are made in pieces. Throws UsageError for a folder that
/// takes mels, DataError naming what is wrong with it.
std::unique_ptr<roles::CodeVocoder> open_code_vocoder(const roles::VoiceFiles& folder);

}  // namespace timbre::vocos
