#pragma once
#include <cstdint>
#include <span>
#include <vector>

/// Mel-cepstral distortion, for the score table.
///
/// Kubichek 1993, "Mel-cepstral distance measure for objective speech quality assessment":
///   MCD = 10/ln 10 · √(2 · Σ_{d=1}^{D} (c_d − c'_d)²)  dB, mean over the frames of a DTW path.
/// c_d are the cosine-series coefficients of the log amplitude over the mel axis, ln E = c_0 + Σ c_d cos(πd(m + ½)/M),
/// so
///   c_d = 2/M · Σ_m ln E_m cos(πd(m + ½)/M);
/// by Parseval the MCD then is the root-mean-square difference, in dB, of the two smoothed log mel spectra without
/// their level. Figures compare within timbre and with other filter-bank MCDs, not with those over SPTK's
/// mel-generalised cepstra.
namespace timbre::audio {

/// F × order coefficients 1 … order (without the level, c_0) from a natural-log mel spectrogram.
std::vector<double> mel_cepstra(std::span<const float> mel_FM, std::int64_t frames, std::int64_t mels,
                                std::int64_t order = 13);

struct Distortion {
  double db = 0;          ///< mean over the path
  std::int64_t path = 0;  ///< length of the DTW path
};

/// Distortion of two recordings' mels (same settings) after dynamic time warping (steps →, ↓, ↘).
/// Throws DataError when one is empty or the sizes do not fit.
Distortion mel_cepstral_distortion(std::span<const float> a_FM, std::span<const float> b_FM, std::int64_t mels,
                                   std::int64_t order = 13);

}  // namespace timbre::audio
