#include "align/trellis.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace timbre::align {
namespace {
constexpr float kNever = -std::numeric_limits<float>::infinity();
}

std::vector<std::int32_t> best_path(const Chain& chain, std::int32_t tail, std::span<const float> score_FU,
                                    std::int64_t frames, std::int64_t columns, double& score) {
  const auto places = static_cast<std::size_t>(chain.places());
  if (places == 0 || frames <= 0) return {};
  // Step into a place: 0 = stayed, 1 = from the place before, 2 = over the optional pause. Two rows of running scores,
  // rescaled each frame so that float keeps its precision over long clips.
  enum : std::uint8_t { kStay, kNext, kSkip };
  std::vector<std::uint8_t> step_FJ(static_cast<std::size_t>(frames) * places, kStay);
  std::vector<float> row(places, kNever), before(places), moved(places);
  double offset = 0;
  for (std::size_t j = 0; j < places; ++j)
    if (j == 0 || chain.skip_J[j] == static_cast<std::int32_t>(j))
      row[j] = score_FU[static_cast<std::size_t>(chain.column_J[j])] + (j ? chain.skip_cost_J[j] : 0.0f);
  for (std::int64_t f = 1; f < frames; ++f) {
    std::swap(row, before);
    const float* emission = score_FU.data() + f * columns;
    std::uint8_t* step = step_FJ.data() + static_cast<std::size_t>(f) * places;
    for (std::size_t j = 0; j < places; ++j) moved[j] = before[j] + chain.leave_J[j];
    for (std::size_t j = 0; j < places; ++j) {
      float best = before[j] + chain.stay_J[j];
      std::uint8_t how = kStay;
      if (j > 0 && moved[j - 1] > best) {
        best = moved[j - 1];
        how = kNext;
      }
      if (const auto skip = static_cast<std::size_t>(chain.skip_J[j]); skip > 0 && j > skip) {
        const float over = moved[j - skip - 1] + chain.skip_cost_J[j];
        if (over > best) {
          best = over;
          how = kSkip;
        }
      }
      row[j] = best + emission[chain.column_J[j]];
      step[j] = how;
    }
    const float top = *std::max_element(row.begin(), row.end());
    if (top == kNever) return {};
    offset += static_cast<double>(top);
    for (auto& v : row) v -= top;
  }
  std::size_t at = places - 1;
  if (tail > 0 && static_cast<std::size_t>(tail) < places && row[places - 1 - static_cast<std::size_t>(tail)] > row[at])
    at = places - 1 - static_cast<std::size_t>(tail);
  if (row[at] == kNever) return {};
  score = offset + static_cast<double>(row[at]);
  std::vector<std::int32_t> path(static_cast<std::size_t>(frames));
  for (std::int64_t f = frames - 1; f >= 0; --f) {
    path[static_cast<std::size_t>(f)] = static_cast<std::int32_t>(at);
    const std::uint8_t how = step_FJ[static_cast<std::size_t>(f) * places + at];
    if (how == kNext)
      at -= 1;
    else if (how == kSkip)
      at -= static_cast<std::size_t>(chain.skip_J[at]) + 1;
  }
  return path;
}

double best_loop(std::span<const float> stay_U, std::span<const float> leave_U, std::int64_t per_class,
                 std::span<const float> score_FU, std::int64_t frames) {
  const std::size_t columns = stay_U.size();
  const auto states = static_cast<std::size_t>(per_class);
  const std::size_t classes = columns / states;
  const float enter = -std::log(static_cast<float>(classes));
  std::vector<float> row(columns, kNever), before(columns);
  for (std::size_t u = 0; u < columns; u += states) row[u] = enter + score_FU[u];
  double offset = 0;
  for (std::size_t f = 1; f < static_cast<std::size_t>(frames); ++f) {
    std::swap(row, before);
    float leaving = kNever;
    for (std::size_t u = states - 1; u < columns; u += states) leaving = std::max(leaving, before[u] + leave_U[u]);
    const float* emission = score_FU.data() + f * columns;
    for (std::size_t u = 0; u < columns; ++u) {
      const float come = u % states ? before[u - 1] + leave_U[u - 1] : leaving + enter;
      row[u] = std::max(before[u] + stay_U[u], come) + emission[u];
    }
    const float top = *std::max_element(row.begin(), row.end());  // running scores stay small: floats keep precision
    offset += static_cast<double>(top);
    for (float& v : row) v -= top;
  }
  return offset + static_cast<double>(*std::max_element(row.begin(), row.end()));
}

}  // namespace timbre::align
