#include "audio/speaker_mel.h"

#include <algorithm>
#include <cmath>

#include "audio/stft.h"
#include "audio/vad.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

constexpr std::int64_t kVoiceFrame_ms = 30;

/// Power mel: |X|² through the filters, in double.
Mel power_mel(std::span<const float> wave_N, const MelOptions& o) {
  const Stft<double> stft(o.fft_samples, o.window_samples, o.hop_samples, padding_named(o.padding));
  constexpr std::int64_t kLanes = Stft<double>::kLanes;
  const std::vector<float> filters = mel_filters(o.rate_hz, o.fft_samples, o.mels, o.f_min_hz, o.f_max_hz);
  const std::vector<double> padded = stft.padded(wave_N);
  Mel mel;
  mel.frames = stft.frames(static_cast<std::int64_t>(wave_N.size()));
  mel.bins = o.mels;
  mel.values_FM.resize(static_cast<std::size_t>(mel.frames * mel.bins));
  mel.energy_F.resize(static_cast<std::size_t>(mel.frames));
  auto scratch = stft.scratch();
  Aligned<double> re(static_cast<std::size_t>(stft.bins() * kLanes)), im(re.size());
  for (std::int64_t first = 0; first < mel.frames; first += kLanes) {
    stft.block(padded, first, re.data(), im.data(), scratch);
    for (std::int64_t f = first; f < std::min(first + kLanes, mel.frames); ++f) {
      std::vector<double> power_B(static_cast<std::size_t>(stft.bins()));
      double energy = 0;
      for (std::int64_t b = 0; b < stft.bins(); ++b) {
        const auto at = static_cast<std::size_t>(b * kLanes + f - first);
        power_B[static_cast<std::size_t>(b)] = re[at] * re[at] + im[at] * im[at];
        energy += power_B[static_cast<std::size_t>(b)];
      }
      mel.energy_F[static_cast<std::size_t>(f)] = static_cast<float>(std::sqrt(energy));
      for (std::int64_t m = 0; m < o.mels; ++m) {
        double sum = 0;
        const float* row = filters.data() + m * stft.bins();
        for (std::int64_t b = 0; b < stft.bins(); ++b) sum += row[b] * power_B[static_cast<std::size_t>(b)];
        mel.values_FM[static_cast<std::size_t>(f * o.mels + m)] = static_cast<float>(sum);
      }
    }
  }
  return mel;
}

}  // namespace

MelOptions SpeakerMelOptions::mozilla_mel() {
  MelOptions mel{.rate_hz = 16000, .fft_samples = 400, .window_samples = 400, .hop_samples = 160, .mels = 40};
  mel.f_max_hz = 8000;
  mel.preemphasis = 0.98;
  mel.log = "log10";
  mel.gain = 20;
  mel.floor = 1e-5;
  mel.convention = "coqui";
  mel.range.enabled = true;
  return mel;
}

MelOptions SpeakerMelOptions::resemblyzer_mel() {
  MelOptions mel = mozilla_mel();
  mel.padding = "center_zero";  // as librosa pads since 0.9
  mel.preemphasis = 0;
  mel.log = "none";
  mel.gain = 1;
  mel.range.enabled = false;
  return mel;
}

config::Fields fields(SpeakerMelOptions& o) {
  config::Fields f;
  f.add("kind", o.kind, "mozilla: decibels of what is not silence; resemblyzer: power, level raised, pauses cut")
      .choices({"mozilla", "resemblyzer"});
  f.group("mel", fields(o.mel));
  f.add("trim", o.trim, "mozilla: drop 10 ms and silence at both ends");
  f.add("trim_db", o.trim_db, "mozilla: silence is this far below the loudest frame").range(1, 200);
  f.add("peak_norm", o.peak_norm, "mozilla: scale the loudest sample to 0.95");
  f.add("level_db", o.level_db, "resemblyzer: quieter recordings are raised to this RMS level").range(-100, 0);
  f.add("vad_mode", o.vad_mode, "resemblyzer: strictness of the voice detector").range(0, 3);
  return f;
}

std::vector<std::string> validate(const SpeakerMelOptions& o) {
  auto problems = validate(o.mel);
  if (o.kind == "resemblyzer" && o.mel.rate_hz != 8000 && o.mel.rate_hz != 16000 && o.mel.rate_hz != 32000 &&
      o.mel.rate_hz != 48000)
    problems.push_back(fmt::format(
        "mel.rate_hz {}: the voice detector of kind resemblyzer knows 8000, 16000, 32000 and 48000", o.mel.rate_hz));
  return problems;
}

Span mozilla_trim(std::span<const float> wave_N, const SpeakerMelOptions& options) {
  const std::int64_t margin = options.mel.rate_hz / 100, count = static_cast<std::int64_t>(wave_N.size());
  if (count <= 2 * margin) throw DataError(fmt::format("{} samples are too short for a speaker encoder", count));
  Span kept = trim_silence(
      wave_N.subspan(static_cast<std::size_t>(margin), static_cast<std::size_t>(count - 2 * margin)),
      options.mel.rate_hz,
      {.top_db = options.trim_db, .frame_samples = options.mel.window_samples, .hop_samples = options.mel.hop_samples});
  if (kept.count <= 0) throw DataError("the recording is silent: a speaker encoder hears nothing in it");
  kept.first += margin;
  return kept;
}

std::vector<float> mozilla_wave(std::span<const float> wave_N, const SpeakerMelOptions& options) {
  Span kept{0, static_cast<std::int64_t>(wave_N.size())};
  if (options.trim) kept = mozilla_trim(wave_N, options);
  const auto part = wave_N.subspan(static_cast<std::size_t>(kept.first), static_cast<std::size_t>(kept.count));
  std::vector<float> out(part.begin(), part.end());
  if (options.peak_norm) {
    float peak = 0;
    for (const float x : out) peak = std::max(peak, std::abs(x));
    if (peak > 0)
      for (float& x : out) x = x / peak * 0.95f;
  }
  return out;
}

double level_gain(std::span<const double> wave_N, double level_db, LevelChange change) {
  double power = 0;
  for (const double x : wave_N) power += x * x;
  if (wave_N.empty() || power <= 0) return 1;
  const double change_db = level_db - 10 * std::log10(power / static_cast<double>(wave_N.size()));
  if ((change_db < 0 && change == LevelChange::up_only) || (change_db > 0 && change == LevelChange::down_only))
    return 1;
  return std::pow(10.0, change_db / 20);
}

float resemblyzer_gain(std::span<const float> wave_N, double level_db) {
  double power = 0;
  for (const float x : wave_N) {
    const float scaled = x * 32767.0f;
    power += static_cast<double>(scaled) * scaled;
  }
  if (wave_N.empty() || power <= 0) return 1;
  const float rms = std::sqrt(static_cast<float>(power / static_cast<double>(wave_N.size())));
  const float change_db = static_cast<float>(level_db) - 20.0f * std::log10(rms / 32767.0f);
  return change_db < 0 ? 1.0f : std::pow(10.0f, change_db / 20.0f);
}

std::vector<std::uint8_t> widen_voice(std::span<const std::uint8_t> flags) {
  constexpr std::ptrdiff_t kBefore = 3, kAfter = 4, kSpread = 3;
  const auto count = static_cast<std::ptrdiff_t>(flags.size());
  std::vector<std::uint8_t> kept(flags.size());
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    int voiced = 0;
    for (std::ptrdiff_t j = std::max<std::ptrdiff_t>(0, i - kBefore); j <= std::min(count - 1, i + kAfter); ++j)
      voiced += flags[static_cast<std::size_t>(j)];
    if (2 * voiced <= kBefore + 1 + kAfter) continue;  // one half rounds to the even 0
    for (std::ptrdiff_t j = std::max<std::ptrdiff_t>(0, i - kSpread); j <= std::min(count - 1, i + kSpread); ++j)
      kept[static_cast<std::size_t>(j)] = 1;
  }
  return kept;
}

std::vector<float> resemblyzer_wave(std::span<const float> wave_N, const SpeakerMelOptions& options) {
  std::vector<float> levelled(wave_N.begin(), wave_N.end());
  const float gain = resemblyzer_gain(wave_N, options.level_db);
  if (gain != 1.0f)
    for (float& x : levelled) x *= gain;
  const auto flags =
      voice_flags(wrapped_pcm16(levelled), options.mel.rate_hz, {.frame_ms = kVoiceFrame_ms, .mode = options.vad_mode});
  const auto kept = widen_voice(flags);
  const auto frame = static_cast<std::ptrdiff_t>(options.mel.rate_hz / 1000 * kVoiceFrame_ms);
  std::vector<float> out;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const auto from = levelled.begin() + static_cast<std::ptrdiff_t>(i) * frame;
    if (kept[i]) out.insert(out.end(), from, from + frame);
  }
  if (out.empty())
    throw DataError("no voice was found in the recording: a speaker encoder hears nothing in it",
                    "lower the strictness of its voice detector (vad_mode), or leave the recording out");
  return out;
}

std::vector<float> speaker_wave(std::span<const float> wave_N, const SpeakerMelOptions& options) {
  return options.kind == "resemblyzer" ? resemblyzer_wave(wave_N, options) : mozilla_wave(wave_N, options);
}

Mel speaker_mel(std::span<const float> prepared_N, const SpeakerMelOptions& options) {
  return options.kind == "resemblyzer" ? power_mel(prepared_N, options.mel) : mel_spectrogram(prepared_N, options.mel);
}

}  // namespace timbre::audio
