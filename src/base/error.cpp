#include "base/error.h"

#include <algorithm>

namespace timbre {
namespace {

/// Levenshtein distance with adjacent transpositions counted as one (restricted Damerau), case and '_'/'-' ignored.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto fold = [](char c) {
    return c == '_' ? '-' : (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  };
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = fold(a[i - 1]) == fold(b[j - 1]);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;  // a third of the letters may be wrong
  for (const auto& candidate : candidates) {
    // A dotted name also answers to its last part: "rate" finds "optimizer.rate".
    const auto dot = candidate.rfind('.');
    std::size_t distance = edit_distance(word, candidate);
    if (dot != std::string::npos)
      distance = std::min(distance, edit_distance(word, std::string_view(candidate).substr(dot + 1)) + 1);
    if (distance < best_distance) {
      best_distance = distance;
      best = &candidate;
    }
  }
  return best ? fmt::format("did you mean '{}'?", *best) : std::string();
}

}  // namespace timbre
