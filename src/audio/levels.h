#pragma once
#include <cstdint>
#include <span>

/// Loudness, clipping and silence of a recording: what the doctor reports and what preparation trims by.
namespace timbre::audio {

struct Levels {
  double peak = 0;                   ///< largest |sample|; full scale is 1
  double rms_db = -200;              ///< root mean square against full scale; −200 for digital silence
  double speech_db = -200;           ///< the same over the frames that are not silent
  double noise_db = -200;            ///< 10th percentile of the frame levels: the floor between words
  double dc_offset = 0;              ///< mean
  std::int64_t clipped_samples = 0;  ///< samples in runs of ≥ 3 at the recording's own ceiling, when that is above 0.98
};

/// `rate_hz` sets the frame of 20 ms.
Levels measure_levels(std::span<const float> wave_N, std::int64_t rate_hz);

/// Brings two clips to the same level of speech: −23 dB, or what both can have with peaks up to 0.98. Digital silence
/// stays as it is.
void match_levels(std::span<float> a_N, std::int64_t a_rate_hz, std::span<float> b_N, std::int64_t b_rate_hz);

struct SilenceOptions {
  double top_db = 40;              ///< a frame is silent when this far below the loudest frame
  std::int64_t frame_samples = 0;  ///< 0 = 25 ms
  std::int64_t hop_samples = 0;    ///< 0 = a quarter of the frame
  double edge_s = 0;               ///< taken off both ends before looking; Coqui's do_trim_silence: 0.01
};

/// The part that is not silence at the ends: first sample and number of samples; {0, 0} when all is silent.
/// RMS of centred, zero-padded frames against the loudest one, as librosa.effects.trim.
struct Span {
  std::int64_t first = 0, count = 0;
};
Span trim_silence(std::span<const float> wave_N, std::int64_t rate_hz, const SilenceOptions& options = {});

/// Seconds of silence before the first and after the last sound, by trim_silence. All silent: leading is the whole
/// length.
struct EdgeSilence {
  double leading_s = 0, trailing_s = 0;
};
EdgeSilence edge_silence(std::span<const float> wave_N, std::int64_t rate_hz, const SilenceOptions& options = {});

/// So that the largest |sample| is `peak` (Coqui's do_sound_norm and HiFi-GAN's training: 0.95). Silence stays.
void scale_to_peak(std::span<float> wave_N, double peak);
/// So that the root mean square is `rms_db` against full scale (Coqui's do_rms_norm: -27). Silence stays; what exceeds
/// full scale is not clipped.
void scale_to_rms(std::span<float> wave_N, double rms_db);

}  // namespace timbre::audio
