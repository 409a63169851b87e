#include "models/speaker_encoder/verification.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

namespace timbre::speaker_encoder {

double equal_error_rate(std::span<const double> same, std::span<const double> different) {
  if (same.empty() || different.empty()) throw std::logic_error("an error rate needs pairs of both sides");
  std::vector<std::pair<double, bool>> scores;  // second: of one voice
  for (const double s : same) scores.emplace_back(s, true);
  for (const double s : different) scores.emplace_back(s, false);
  std::sort(scores.begin(), scores.end());
  // The threshold moves up: at first all are accepted.
  double refused = 0, accepted = 1;
  for (std::size_t i = 0; i < scores.size();) {
    const double refused_before = refused, accepted_before = accepted, score = scores[i].first;
    for (; i < scores.size() && scores[i].first == score; ++i) {
      if (scores[i].second)
        refused += 1.0 / static_cast<double>(same.size());
      else
        accepted -= 1.0 / static_cast<double>(different.size());
    }
    if (refused < accepted) continue;
    const double gap_before = accepted_before - refused_before, gap = accepted - refused;
    const double share = gap_before == gap ? 0 : gap_before / (gap_before - gap);
    return std::clamp(refused_before + share * (refused - refused_before), 0.0, 1.0);
  }
  return 1;
}

}  // namespace timbre::speaker_encoder
