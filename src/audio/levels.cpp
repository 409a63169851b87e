#include "audio/levels.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "audio/averages.h"
#include "audio/timebase.h"

namespace timbre::audio {
namespace {

constexpr double kSilenceDb = -200;
constexpr double kCeiling = 0.98;        // a recording that never comes this near to full scale was not clipped by it
constexpr std::int64_t kClippedRun = 3;  // one or two samples at the top also happen to a clean, normalised recording

double power_to_db(double power) { return power > 1e-20 ? 10 * std::log10(power) : kSilenceDb; }

/// Mean squares of centred, zero-padded frames: 1 + N/hop of them.
std::vector<double> frame_powers(std::span<const float> wave_N, std::int64_t frame, std::int64_t hop) {
  const auto n = static_cast<std::int64_t>(wave_N.size());
  std::vector<double> sums(static_cast<std::size_t>(n + 1));
  for (std::int64_t i = 0; i < n; ++i) {
    const double x = wave_N[static_cast<std::size_t>(i)];
    sums[static_cast<std::size_t>(i + 1)] = sums[static_cast<std::size_t>(i)] + x * x;
  }
  std::vector<double> out(static_cast<std::size_t>(1 + n / hop));
  for (std::size_t f = 0; f < out.size(); ++f) {
    const std::int64_t start = static_cast<std::int64_t>(f) * hop - frame / 2;
    const auto from = static_cast<std::size_t>(std::clamp<std::int64_t>(start, 0, n)),
               to = static_cast<std::size_t>(std::clamp<std::int64_t>(start + frame, 0, n));
    out[f] = std::max(0.0, sums[to] - sums[from]) / static_cast<double>(frame);
  }
  return out;
}

std::int64_t count_clipped(std::span<const float> wave_N, double peak) {
  if (peak < kCeiling) return 0;
  // 16-bit recordings clip at 32767 above and −32768 below, so one step of slack.
  const double ceiling = peak - 1.5 / 32768;
  std::int64_t clipped = 0, run = 0;
  bool positive = false;
  auto end_run = [&] {
    if (run >= kClippedRun) clipped += run;
    run = 0;
  };
  for (float x : wave_N) {
    const bool at_top = std::abs(static_cast<double>(x)) >= ceiling;
    if (run > 0 && (!at_top || (x > 0) != positive)) end_run();
    if (at_top) {
      ++run;
      positive = x > 0;
    }
  }
  end_run();
  return clipped;
}

}  // namespace

Levels measure_levels(std::span<const float> wave_N, std::int64_t rate_hz) {
  Levels levels;
  if (wave_N.empty()) return levels;
  double sum = 0, power = 0;
  for (float x : wave_N) {
    sum += x;
    power += static_cast<double>(x) * x;
    levels.peak = std::max(levels.peak, std::abs(static_cast<double>(x)));
  }
  const auto n = static_cast<double>(wave_N.size());
  levels.dc_offset = sum / n;
  levels.rms_db = power_to_db(power / n);
  levels.clipped_samples = count_clipped(wave_N, levels.peak);

  const std::int64_t frame = std::max<std::int64_t>(1, seconds_to_samples(0.02, rate_hz));
  const auto powers_F = frame_powers(wave_N, frame, frame);
  const double loudest = *std::max_element(powers_F.begin(), powers_F.end());
  double speech = 0;
  std::int64_t frames = 0;
  for (double p : powers_F) {
    if (p <= loudest * 1e-4) continue;  // 40 dB below
    speech += p;
    ++frames;
  }
  if (frames > 0) levels.speech_db = power_to_db(speech / static_cast<double>(frames));
  levels.noise_db = power_to_db(percentile(powers_F, 10));
  return levels;
}

void match_levels(std::span<float> a_N, std::int64_t a_rate_hz, std::span<float> b_N, std::int64_t b_rate_hz) {
  constexpr double kLevel_db = -23, kPeak = 0.98;
  const Levels a = measure_levels(a_N, a_rate_hz), b = measure_levels(b_N, b_rate_hz);
  double level_db = kLevel_db;
  for (const Levels& levels : {a, b})
    if (levels.peak > 0) level_db = std::min(level_db, levels.speech_db - 20 * std::log10(levels.peak / kPeak));
  const auto set = [&](std::span<float> wave_N, const Levels& levels) {
    if (levels.peak <= 0) return;
    const auto gain = static_cast<float>(std::pow(10, (level_db - levels.speech_db) / 20));
    for (float& x : wave_N) x *= gain;
  };
  set(a_N, a);
  set(b_N, b);
}

Span trim_silence(std::span<const float> wave_N, std::int64_t rate_hz, const SilenceOptions& options) {
  const auto n = static_cast<std::int64_t>(wave_N.size());
  if (const auto edge = seconds_to_samples(options.edge_s, rate_hz); edge > 0) {
    if (n <= 2 * edge) return {};
    SilenceOptions inner = options;
    inner.edge_s = 0;
    Span span = trim_silence(wave_N.subspan(static_cast<std::size_t>(edge), static_cast<std::size_t>(n - 2 * edge)),
                             rate_hz, inner);
    if (span.count > 0) span.first += edge;
    return span;
  }
  if (n == 0) return {};
  const std::int64_t frame =
      options.frame_samples > 0 ? options.frame_samples : std::max<std::int64_t>(4, seconds_to_samples(0.025, rate_hz));
  const std::int64_t hop = options.hop_samples > 0 ? options.hop_samples : std::max<std::int64_t>(1, frame / 4);
  const auto powers_F = frame_powers(wave_N, frame, hop);
  const double loudest = *std::max_element(powers_F.begin(), powers_F.end());
  if (loudest <= 1e-20) return {};
  const double threshold = loudest * std::pow(10.0, -options.top_db / 10);
  const auto loud = [&](double p) { return p > threshold; };
  const auto first = std::find_if(powers_F.begin(), powers_F.end(), loud) - powers_F.begin();
  const auto last = powers_F.rend() - std::find_if(powers_F.rbegin(), powers_F.rend(), loud);  // one past
  Span span;
  span.first = first * hop;
  span.count = std::min(n, static_cast<std::int64_t>(last) * hop) - span.first;
  return span;
}

EdgeSilence edge_silence(std::span<const float> wave_N, std::int64_t rate_hz, const SilenceOptions& options) {
  const Span span = trim_silence(wave_N, rate_hz, options);
  const auto n = static_cast<std::int64_t>(wave_N.size());
  if (span.count == 0) return {samples_to_seconds(n, rate_hz), 0};
  return {samples_to_seconds(span.first, rate_hz), samples_to_seconds(n - span.first - span.count, rate_hz)};
}

void scale_to_peak(std::span<float> wave_N, double peak) {
  float largest = 0;
  for (const float x : wave_N) largest = std::max(largest, std::abs(x));
  if (largest == 0) return;
  const double gain = peak / static_cast<double>(largest);
  for (float& x : wave_N) x = static_cast<float>(x * gain);
}

void scale_to_rms(std::span<float> wave_N, double rms_db) {
  double power = 0;
  for (const float x : wave_N) power += static_cast<double>(x) * x;
  if (power == 0) return;
  const double gain = std::pow(10.0, rms_db / 20) * std::sqrt(static_cast<double>(wave_N.size()) / power);
  for (float& x : wave_N) x = static_cast<float>(x * gain);
}

}  // namespace timbre::audio
