#pragma once
#include <cstdint>
#include <span>
#include <vector>

/// Mel-cepstral distortion, for the score table.
///
/// Kubichek 1993, "Mel-cepstral distance measure for objective speech quality assessment":
///   MCD = 10/ln 10 · √(2 · Σ_{d=1}^{D} (c_d − c'_d)²)  dB, mean over the frames of a DTW path.
/// The cepstra here are the DCT-II of natural-log mel energies (orthonormal /√(M/2) scaling undone as in WORLD-style cepstra:
/// c_d = 1/M Σ_m ln E_m cos(πd(m+½)/M)), so figures compare within timbre and with other mel-filter-bank MCDs, not with
/// those over SPTK mel-generalised cepstra.
namespace timbre::audio {

/// F × order coefficients 1 … order (without the level, c_0) from a natural-log mel spectrogram.
std::vector<double> mel_cepstra(std::span<const float> mel_FM, std::int64_t frames, std::int64_t mels, std::int64_t order = 13);

struct Distortion {
  double db = 0;              ///< mean over the path
  std::int64_t path = 0;      ///< length of the DTW path
};

/// Distortion of two recordings' mels (same settings) after dynamic time warping (steps →, ↓, ↘).
/// Throws DataError when one is empty or the sizes do not fit.
Distortion mel_cepstral_distortion(std::span<const float> a_FM, std::span<const float> b_FM, std::int64_t mels, std::int64_t order = 13);

}  // namespace timbre::audio
