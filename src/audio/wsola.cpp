#include "audio/wsola.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace timbre::audio {

namespace {

/// The place in [low, high] from which `window` samples of `wave` are most like those from `like` on: the largest
/// normalised correlation; of equals the one nearest to the middle.
std::int64_t best_place(const std::vector<float>& wave, std::int64_t like, std::int64_t middle, std::int64_t reach,
                        std::int64_t window) {
  const float* wanted = &wave[static_cast<std::size_t>(like)];
  std::int64_t best = middle;
  double best_score = -1;
  double energy = 0;
  const std::int64_t low = middle - reach;
  for (std::int64_t i = 0; i < window; ++i) {
    const double x = wave[static_cast<std::size_t>(low + i)];
    energy += x * x;
  }
  for (std::int64_t place = low; place <= middle + reach; ++place) {
    const float* here = &wave[static_cast<std::size_t>(place)];
    float product = 0;
    for (std::int64_t i = 0; i < window; ++i) product += wanted[i] * here[i];
    const double score = product / std::sqrt(std::max(energy, 1e-9));
    const bool nearer = std::abs(place - middle) < std::abs(best - middle);
    if (score > best_score + 1e-9 || (score > best_score - 1e-9 && nearer)) {
      best_score = std::max(score, best_score);
      best = place;
    }
    const double out = here[0], in = here[window];
    energy = std::max(0.0, energy + in * in - out * out);
  }
  return best;
}

}  // namespace

std::vector<float> stretch(std::span<const float> samples_N, std::int64_t rate_hz, double factor,
                           const WsolaOptions& options) {
  if (!(factor >= 0.25 && factor <= 4))
    throw UsageError(fmt::format("speech stretched {} times: it stays speech between 0.25 and 4", factor));
  if (rate_hz < 1000) throw UsageError(fmt::format("speech of {} Hz: expected 1000 or more", rate_hz));
  if (factor == 1.0 || samples_N.empty()) return {samples_N.begin(), samples_N.end()};
  const auto samples_of = [&](double seconds) { return std::llround(seconds * static_cast<double>(rate_hz)); };
  const std::int64_t hop = std::max<std::int64_t>(1, samples_of(options.window_s) / 2), window = 2 * hop;
  const std::int64_t reach = samples_of(options.reach_s), margin = 2 * window + reach + 1;
  const auto count = static_cast<std::int64_t>(samples_N.size());
  const std::int64_t wanted = std::llround(static_cast<double>(count) * factor);

  std::vector<float> wave(static_cast<std::size_t>(count + 2 * margin), 0.0f);  // silence on both sides
  std::copy(samples_N.begin(), samples_N.end(), wave.begin() + margin);
  std::vector<float> shape(static_cast<std::size_t>(window));  // overlapped by half, it sums to 1
  for (std::int64_t i = 0; i < window; ++i)
    shape[static_cast<std::size_t>(i)] = static_cast<float>(
        0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(window)));

  // Window k lies around sample k · hop of what comes out, and around that sample over `factor` of what goes in.
  std::vector<float> out(static_cast<std::size_t>(wanted + 2 * window), 0.0f);
  std::int64_t place = margin - hop;
  for (std::int64_t k = 0; (k - 1) * hop < wanted; ++k) {
    const std::int64_t centre = std::llround(static_cast<double>(k * hop) / factor);
    const std::int64_t middle = std::min(centre, count) + margin - hop;
    if (k > 0) place = best_place(wave, std::min(place + hop, count + margin), middle, reach, window);
    for (std::int64_t i = 0; i < window; ++i)
      out[static_cast<std::size_t>(k * hop + i)] +=
          shape[static_cast<std::size_t>(i)] * wave[static_cast<std::size_t>(place + i)];
  }
  return {out.begin() + hop, out.begin() + hop + wanted};
}

}  // namespace timbre::audio
