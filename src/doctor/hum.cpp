#include "doctor/hum.h"

#include <algorithm>
#include <cmath>

namespace timbre::doctor {

namespace {

constexpr double kWindow_s = 0.5;
constexpr double kSide_hz = 9;        // beyond the main lobe of a Hann window of half a second (4 Hz)
constexpr float kContrast = 10;       // 10 dB over its surroundings, in power
constexpr double kFaintest_db = -75;  // what a 16-bit recording's own noise hides
constexpr double kQuietShare = 0.2;   // windows that may lack the line
constexpr std::array<double, 6> kLine_hz = {50, 100, 150, 60, 120, 180};

double in_db(double power) { return power > 1e-20 ? 10 * std::log10(power) : -200; }

}  // namespace

HumFinder::HumFinder(double tick_rate_hz) {
  const auto size = static_cast<std::size_t>(std::max(8.0, kWindow_s * tick_rate_hz));
  hann_N_.resize(size);
  window_N_.resize(size);
  double sum = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const double w = 0.5 - 0.5 * std::cos(2 * M_PI * static_cast<double>(i) / static_cast<double>(size));
    hann_N_[i] = static_cast<float>(w);
    sum += w;
  }
  window_power_ = sum * sum / 4;  // |X|² of a sine of amplitude 1
  for (std::size_t line = 0; line < kLines; ++line)
    for (std::size_t k = 0; k < 3; ++k) {
      const double hz = kLine_hz[line] + (static_cast<double>(k) - 1) * kSide_hz;
      coefficient_[line * 3 + k] = 2 * std::cos(2 * M_PI * hz / tick_rate_hz);
    }
}

void HumFinder::measure() {
  constexpr std::size_t kCount = 3 * kLines;
  std::array<double, kCount> one{}, two{};
  float loudest = 0;
  for (std::size_t i = 0; i < window_N_.size(); ++i) {
    const double x = window_N_[i] * hann_N_[i];
    loudest = std::max(loudest, std::abs(window_N_[i]));
    for (std::size_t k = 0; k < kCount; ++k) {
      const double next = x + coefficient_[k] * one[k] - two[k];
      two[k] = one[k];
      one[k] = next;
    }
  }
  // The next window begins in the middle of this one.
  filled_ = window_N_.size() - window_N_.size() / 2;
  std::copy(window_N_.end() - static_cast<std::ptrdiff_t>(filled_), window_N_.end(), window_N_.begin());
  if (loudest == 0) return;  // digital silence was put there afterwards and says nothing
  Window w{};
  const auto power = [&](std::size_t k) {
    // Half the squared amplitude: the power of the sine.
    return (one[k] * one[k] + two[k] * two[k] - coefficient_[k] * one[k] * two[k]) / window_power_ / 2;
  };
  for (std::size_t line = 0; line < kLines; ++line) {
    const double side = std::max(power(line * 3), power(line * 3 + 2));
    w.power[line] = static_cast<float>(power(line * 3 + 1));
    w.contrast[line] = static_cast<float>(power(line * 3 + 1) / std::max(side, 1e-14));
  }
  windows_.push_back(w);
}

Hum HumFinder::result() const {
  constexpr std::size_t kFewest = 3;  // in less than a second a held vowel may look the same
  if (windows_.size() < kFewest) return {};
  const auto place = static_cast<std::size_t>(kQuietShare * static_cast<double>(windows_.size() - 1));
  const auto low = [&](const auto& value_of) {
    std::vector<float> values;
    values.reserve(windows_.size());
    for (const Window& w : windows_) values.push_back(value_of(w));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place), values.end());
    return values[place];
  };
  Hum best;
  for (std::size_t family = 0; family < 2; ++family) {
    std::array<bool, 3> there{};
    double power = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      const std::size_t line = family * 3 + k;
      const double level = low([&](const Window& w) { return w.power[line]; });
      there[k] = in_db(level) > kFaintest_db && low([&](const Window& w) { return w.contrast[line]; }) > kContrast;
      if (there[k]) power += level;
    }
    // A steady tone at one harmonic alone may be anything; a voice does not keep two.
    if ((there[0] || (there[1] && there[2])) && in_db(power) > best.level_db)
      best = {family == 0 ? 50 : 60, in_db(power)};
  }
  return best;
}

}  // namespace timbre::doctor
