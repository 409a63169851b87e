#pragma once
#include <cmath>
#include <cstdint>

/// Frames, seconds and samples: the only place where one becomes the other.
///
/// Rounding. `round_half_even` is Python's and NumPy's round, which the FastSpeech2 preparations use on both
/// edges of a phone separately, so that durations of neighbouring phones add up exactly.
///
///   rate, hop       edge (s)   frames, exact     frame   samples, exact       whole samples (cut)
///   22050, 256      0.1        8.6133            9       2205                 2205
///   22050, 256      2.28       196.3828          196     50273.99…            50273   floor of the double product, as
///   int() in Python 16000, 256      0.008      0.5               0       128                  128     ties go to the
///   even frame 16000, 256      0.024      1.5               2       384                  384
///
/// A phone from 0.1 s to 2.28 s therefore lasts 196 − 9 = 187 frames, not round(187.77) = 188.
namespace timbre::audio {

/// Nearest integer, ties to the even one, whatever the floating-point environment.
inline std::int64_t round_half_even(double x) {
  const double below = std::floor(x);
  const double part = x - below;
  const auto whole = static_cast<std::int64_t>(below);
  if (part < 0.5) return whole;
  if (part > 0.5) return whole + 1;
  return whole % 2 == 0 ? whole : whole + 1;
}

/// The frame at whose centre (or nearest to it) the time lies; ties to even.
inline std::int64_t seconds_to_frames(double time_s, std::int64_t rate_hz, std::int64_t hop_samples) {
  return round_half_even(time_s * static_cast<double>(rate_hz) / static_cast<double>(hop_samples));
}

/// Whole samples before the time: Python's int(rate * seconds), which cuts audio in the references.
inline std::int64_t seconds_to_samples(double time_s, std::int64_t rate_hz) {
  return static_cast<std::int64_t>(static_cast<double>(rate_hz) * time_s);
}

inline double samples_to_seconds(std::int64_t samples, std::int64_t rate_hz) {
  return static_cast<double>(samples) / static_cast<double>(rate_hz);
}

/// Time of the centre of a frame (centre-padded spectra) or of its start (durations): frame · hop / rate.
inline double frames_to_seconds(std::int64_t frames, std::int64_t rate_hz, std::int64_t hop_samples) {
  return static_cast<double>(frames * hop_samples) / static_cast<double>(rate_hz);
}

/// Frames of one phone: both edges rounded separately (see above).
inline std::int64_t duration_frames(double start_s, double end_s, std::int64_t rate_hz, std::int64_t hop_samples) {
  return seconds_to_frames(end_s, rate_hz, hop_samples) - seconds_to_frames(start_s, rate_hz, hop_samples);
}

}  // namespace timbre::audio
