#include "doctor/repair_sound.h"

#include <algorithm>
#include <cmath>

#include "audio/levels.h"

namespace timbre::doctor {

void remove_offset(std::vector<float>& wave_N) {
  if (wave_N.empty()) return;
  double sum = 0;
  for (float x : wave_N) sum += x;
  const auto mean = static_cast<float>(sum / static_cast<double>(wave_N.size()));
  for (float& x : wave_N) x -= mean;
}

void notch_hum(std::vector<float>& wave_N, std::int64_t rate_hz, std::int64_t mains_hz) {
  constexpr double kQuality = 25, kHighest_hz = 500;
  for (double hz = static_cast<double>(mains_hz); hz <= std::min(kHighest_hz, 0.45 * static_cast<double>(rate_hz));
       hz += static_cast<double>(mains_hz)) {
    // The notch of the Audio EQ Cookbook (Bristow-Johnson).
    const double w = 2 * M_PI * hz / static_cast<double>(rate_hz), alpha = std::sin(w) / (2 * kQuality);
    const double a0 = 1 + alpha, b0 = 1 / a0, b1 = -2 * std::cos(w) / a0, a2 = (1 - alpha) / a0;
    double one = 0, two = 0;
    for (float& sample : wave_N) {
      const double x = sample, y = b0 * x + one;
      one = b1 * x - b1 * y + two;
      two = b0 * x - a2 * y;
      sample = static_cast<float>(y);
    }
  }
}

void trim_edges(std::vector<float>& wave_N, std::int64_t rate_hz, double margin_s) {
  const audio::Span sound = audio::trim_silence(wave_N, rate_hz);
  if (sound.count == 0) return;
  const auto margin = static_cast<std::int64_t>(std::llround(margin_s * static_cast<double>(rate_hz)));
  const auto size = static_cast<std::int64_t>(wave_N.size());
  const std::int64_t from = std::max<std::int64_t>(0, sound.first - margin),
                     to = std::min(size, sound.first + sound.count + margin);
  wave_N.erase(wave_N.begin() + to, wave_N.end());
  wave_N.erase(wave_N.begin(), wave_N.begin() + from);
}

void shorten_silences(std::vector<float>& wave_N, std::int64_t rate_hz, double limit_s, double left_s) {
  const auto frame = static_cast<std::size_t>(std::max<std::int64_t>(1, rate_hz / 50));
  std::vector<double> powers;
  for (std::size_t from = 0; from < wave_N.size(); from += frame) {
    double sum = 0;
    for (float x : std::span(wave_N).subspan(from, std::min(frame, wave_N.size() - from))) sum += double(x) * x;
    powers.push_back(sum);
  }
  if (powers.empty()) return;
  const double threshold = *std::max_element(powers.begin(), powers.end()) * 1e-4;
  const double frame_s = static_cast<double>(frame) / static_cast<double>(rate_hz);
  std::vector<float> kept;
  kept.reserve(wave_N.size());
  const auto copy = [&](std::size_t from, std::size_t to) {  // frames
    kept.insert(kept.end(), wave_N.begin() + static_cast<std::ptrdiff_t>(std::min(from * frame, wave_N.size())),
                wave_N.begin() + static_cast<std::ptrdiff_t>(std::min(to * frame, wave_N.size())));
  };
  bool begun = false;
  for (std::size_t f = 0; f < powers.size();) {
    std::size_t end = f;
    while (end < powers.size() && (powers[end] > threshold) == (powers[f] > threshold)) ++end;
    const bool silent = powers[f] <= threshold, inside = begun && end < powers.size();
    if (silent && inside && static_cast<double>(end - f) * frame_s > limit_s) {
      const auto half = static_cast<std::size_t>(std::llround(left_s / frame_s / 2));
      copy(f, f + half);
      copy(end - half, end);
    } else {
      copy(f, end);
    }
    begun = begun || !silent;
    f = end;
  }
  wave_N = std::move(kept);
}

void set_level(std::vector<float>& wave_N, double now_db, double wanted_db) {
  constexpr double kHighest = 0.97;
  double peak = 0;
  for (float x : wave_N) peak = std::max(peak, std::abs(static_cast<double>(x)));
  if (peak == 0) return;
  const auto gain = static_cast<float>(std::min(std::pow(10, (wanted_db - now_db) / 20), kHighest / peak));
  for (float& x : wave_N) x *= gain;
}

}  // namespace timbre::doctor
