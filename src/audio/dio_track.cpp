#include "audio/dio_track.h"

#include <cmath>
#include <cstdint>

namespace timbre::audio {
namespace {

constexpr double kWidestJump = 0.1;  ///< of the pitch, from one frame to the next

/// What does not hold for `shortest` frames at either end is dropped, and so are jumps.
std::vector<double> without_jumps(std::span<const double> best_F, std::size_t shortest) {
  std::vector<double> base(best_F.begin(), best_F.end()), out(best_F.size());
  for (std::size_t f = 0; f < shortest; ++f) base[f] = base[base.size() - 1 - f] = 0;
  for (std::size_t f = shortest; f < base.size(); ++f) {
    if (std::fabs((base[f] - base[f - 1]) / (kNearlyZero + base[f])) < kWidestJump) out[f] = base[f];
  }
  return out;
}

/// A voiced frame must have voiced ones around it.
std::vector<double> without_islands(const std::vector<double>& f0_F, std::size_t shortest) {
  std::vector<double> out = f0_F;
  const std::size_t side = (shortest - 1) / 2;
  for (std::size_t f = side; f + side < f0_F.size(); ++f) {
    for (std::size_t i = f - side; i <= f + side; ++i) {
      if (f0_F[i] == 0) out[f] = 0;
    }
  }
  return out;
}

/// The candidate nearest to where the pitch is heading; 0 when none is near.
double continued(double last, double before_last, const std::vector<std::vector<double>>& candidates_SF,
                 std::size_t frame) {
  const double heading = (last * 3.0 - before_last) / 2.0;
  double nearest = candidates_SF[0][frame], gap = std::fabs(heading - nearest);
  for (const auto& candidate_F : candidates_SF) {
    const double g = std::fabs(heading - candidate_F[frame]);
    if (g < gap) gap = g, nearest = candidate_F[frame];
  }
  return std::fabs(1.0 - nearest / heading) > kWidestJump ? 0 : nearest;
}

}  // namespace

std::vector<double> dio_track(std::span<const double> best_F, const std::vector<std::vector<double>>& candidates_SF,
                              double period_ms, double floor_hz) {
  // Twice the longest period in frames.
  const std::size_t shortest = static_cast<std::size_t>(0.5 + 1000.0 / period_ms / floor_hz) * 2 + 1;
  const std::size_t frames = best_F.size();
  if (frames <= shortest) return std::vector<double>(frames);
  std::vector<double> f0_F = without_islands(without_jumps(best_F, shortest), shortest);

  std::vector<std::size_t> starts, ends;  // the first and the last frames of voiced stretches
  for (std::size_t f = 1; f < frames; ++f) {
    if (f0_F[f] == 0 && f0_F[f - 1] != 0) ends.push_back(f - 1);
    if (f0_F[f] != 0 && f0_F[f - 1] == 0) starts.push_back(f);
  }
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const std::size_t limit = i + 1 == ends.size() ? frames - 1 : ends[i + 1];
    for (std::size_t f = ends[i]; f < limit; ++f) {
      f0_F[f + 1] = continued(f0_F[f], f0_F[f - 1], candidates_SF, f + 1);
      if (f0_F[f + 1] == 0) break;
    }
  }
  for (std::size_t i = starts.size(); i-- > 0;) {
    const std::size_t limit = i == 0 ? 1 : starts[i - 1];
    for (std::size_t f = starts[i]; f > limit; --f) {
      f0_F[f - 1] = continued(f0_F[f], f0_F[f + 1], candidates_SF, f - 1);
      if (f0_F[f - 1] == 0) break;
    }
  }
  return f0_F;
}

}  // namespace timbre::audio
