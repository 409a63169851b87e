#pragma once
#include <cstddef>
#include <utility>
#include <vector>

namespace timbre::corpus {

/// Rank r's batches of the common list: k·world + r.
inline std::vector<std::vector<std::size_t>> rank_share(std::vector<std::vector<std::size_t>> joined, int rank,
                                                        int world) {
  if (world == 1) return joined;
  std::vector<std::vector<std::size_t>> mine;
  for (auto i = static_cast<std::size_t>(rank); i < joined.size(); i += static_cast<std::size_t>(world))
    mine.push_back(std::move(joined[i]));
  return mine;
}

}  // namespace timbre::corpus
