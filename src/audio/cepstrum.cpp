#include "audio/cepstrum.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.h"

namespace timbre::audio {

std::vector<double> mel_cepstra(std::span<const float> mel_FM, std::int64_t frames, std::int64_t mels,
                                std::int64_t order) {
  if (frames < 0 || mels < 1 || static_cast<std::int64_t>(mel_FM.size()) != frames * mels) {
    throw DataError(fmt::format("a mel of {} values is not {} frames × {} bins", mel_FM.size(), frames, mels));
  }
  if (order < 1 || order >= mels)
    throw UsageError(fmt::format("cepstra of order {} need more than {} mel bins", order, mels));
  std::vector<double> basis(static_cast<std::size_t>(order * mels));
  for (std::int64_t d = 0; d < order; ++d) {
    for (std::int64_t m = 0; m < mels; ++m) {
      basis[static_cast<std::size_t>(d * mels + m)] =
          2 *
          std::cos(std::numbers::pi * static_cast<double>(d + 1) * (static_cast<double>(m) + 0.5) /
                   static_cast<double>(mels)) /
          static_cast<double>(mels);
    }
  }
  std::vector<double> out(static_cast<std::size_t>(frames * order));
  for (std::int64_t f = 0; f < frames; ++f) {
    for (std::int64_t d = 0; d < order; ++d) {
      double sum = 0;
      for (std::int64_t m = 0; m < mels; ++m)
        sum += basis[static_cast<std::size_t>(d * mels + m)] * mel_FM[static_cast<std::size_t>(f * mels + m)];
      out[static_cast<std::size_t>(f * order + d)] = sum;
    }
  }
  return out;
}

Distortion mel_cepstral_distortion(std::span<const float> a_FM, std::span<const float> b_FM, std::int64_t mels,
                                   std::int64_t order) {
  const auto fa = static_cast<std::int64_t>(a_FM.size()) / mels, fb = static_cast<std::int64_t>(b_FM.size()) / mels;
  if (fa == 0 || fb == 0) throw DataError("mel-cepstral distortion of an empty recording");
  const auto a = mel_cepstra(a_FM, fa, mels, order), b = mel_cepstra(b_FM, fb, mels, order);
  struct Cell {
    double cost;
    std::int64_t steps;
  };
  constexpr double kFar = std::numeric_limits<double>::infinity();
  std::vector<Cell> above(static_cast<std::size_t>(fb + 1), {kFar, 0}), row(above.size());
  above[0] = {0, 0};
  for (std::int64_t i = 0; i < fa; ++i) {
    row[0] = {kFar, 0};
    for (std::int64_t j = 0; j < fb; ++j) {
      double sum = 0;
      for (std::int64_t d = 0; d < order; ++d) {
        const double gap = a[static_cast<std::size_t>(i * order + d)] - b[static_cast<std::size_t>(j * order + d)];
        sum += gap * gap;
      }
      const auto at = static_cast<std::size_t>(j);
      Cell best = above[at];
      if (above[at + 1].cost < best.cost) best = above[at + 1];
      if (row[at].cost < best.cost) best = row[at];
      row[at + 1] = {best.cost + std::sqrt(2 * sum), best.steps + 1};
    }
    std::swap(above, row);
  }
  const Cell end = above.back();
  return {10 / std::numbers::ln10 * end.cost / static_cast<double>(end.steps), end.steps};
}

}  // namespace timbre::audio
