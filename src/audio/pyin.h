#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace timbre::audio {

/// Probabilistic YIN (Mauch and Dixon 2014) with librosa's defaults and its reading of the authors' software.
struct PyinOptions {
  double f_min_hz = 65.0;
  double f_max_hz = 600.0;
  std::int64_t frame_samples = 2048;  ///< even
  std::int64_t hop_samples = 512;
  std::string padding = "zero";             ///< both ends by frame_samples/2: zero, or reflect as Coqui does
  std::int64_t thresholds = 100;            ///< YIN thresholds between 0 and 1, weighted by Beta(2, 18)
  double boltzmann = 2.0;                   ///< how much shorter periods are preferred
  double resolution_semitones = 0.1;        ///< of the pitch grid
  double max_transition_octaves_s = 35.92;  ///< fastest pitch change
  double switch_probability = 0.01;         ///< of voicing, from one frame to the next
  double no_trough_probability = 0.01;      ///< weight of the deepest trough below no threshold
};

/// One value a frame; 1 + N/hop frames, frame i at i · hop / rate.
struct PyinTrack {
  std::vector<double> f0_F;  ///< Hz on the pitch grid, 0 where unvoiced
  std::vector<bool> voiced_F;
  std::vector<double> probability_F;  ///< that the frame is voiced
};

/// Throws DataError when the recording is empty (or too short to be reflected), UsageError for options that contradict
/// each other: 0 < f_min < f_max ≤ rate/2, and half a frame must hold the period of f_max.
PyinTrack pitch_pyin(std::span<const float> wave_N, std::int64_t rate_hz, const PyinOptions& options = {});

}  // namespace timbre::audio
