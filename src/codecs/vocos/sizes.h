#pragma once
#include <cstdint>

#include "audio/stft.h"

namespace timbre::vocos {

/// The network's sizes (Siuzdak 2023, arXiv 2306.00814). The defaults are the published mel vocoder, 24 kHz.
struct Sizes {
  std::int64_t inputs = 100;   ///< channels of an input frame
  std::int64_t width = 512;    ///< channels of a frame inside
  std::int64_t hidden = 1536;  ///< between the two linear layers of a block
  std::int64_t layers = 8;
  std::int64_t rows = 0;  ///< of the adaptive norms (one a bandwidth); 0 = plain norms
  std::int64_t fft_samples = 1024, hop_samples = 256;
  audio::Padding padding = audio::Padding::center;  ///< or same
};

}  // namespace timbre::vocos
