#pragma once
#include <cstdint>
#include <span>
#include <vector>

/// The best path through a left-to-right chain of states with optional pauses.
namespace timbre::align {

/// A chain of states as one clip's transcript gives it.
struct Chain {
  std::vector<std::int32_t> column_J;  ///< of each place: its column in the score matrix
  std::vector<float> stay_J;           ///< ln probability to stay one more frame
  std::vector<float> leave_J;          ///< ln probability to go on to the next place
  std::vector<std::int32_t> skip_J;    ///< how many places before a place may be left out (an optional pause); 0 = none
  std::vector<float> skip_cost_J;      ///< ln probability of leaving them out
  std::int64_t places() const { return static_cast<std::int64_t>(column_J.size()); }
};

/// The place of every frame, or empty when the clip has too few frames. Starts at place 0 or after its optional
/// pause; ends at the last place or before its optional pause (`tail` places).
/// score_FU: ln p(frame | column), row-major with `columns` columns. `score` receives the path's ln probability.
std::vector<std::int32_t> best_path(const Chain& chain, std::int32_t tail, std::span<const float> score_FU,
                                    std::int64_t frames, std::int64_t columns, double& score);

/// ln probability of the best path through any sequence of classes, all equally likely at every turn: what a clip gives
/// when its text is not known. Class c has the columns c·per_class … of score_FU, left to right; stay_U and leave_U as
/// in Chain. `frames` at least 1.
double best_loop(std::span<const float> stay_U, std::span<const float> leave_U, std::int64_t per_class,
                 std::span<const float> score_FU, std::int64_t frames);

}  // namespace timbre::align
