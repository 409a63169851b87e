#pragma once
#include <span>
#include <vector>

namespace timbre::audio {

/// Keeps divisions by zero finite (WORLD's constant).
inline constexpr double kNearlyZero = 1e-12;

/// DIO's last step: a continuous contour from each frame's best candidate. Frames at both ends and where the pitch
/// jumps by 10 % or more become unvoiced, then voiced stretches grow in both directions as long as some band has a
/// candidate within 10 % of what the two frames before it lead to. candidates_SF: one row a band, 0 = none.
std::vector<double> dio_track(std::span<const double> best_F, const std::vector<std::vector<double>>& candidates_SF,
                              double period_ms, double floor_hz);

}  // namespace timbre::audio
