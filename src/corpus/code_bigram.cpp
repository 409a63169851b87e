#include "corpus/code_bigram.h"

#include <algorithm>
#include <numeric>

namespace timbre::corpus {
namespace {

constexpr std::int64_t kGuesses = 10;
/// How many pairs' worth the overall frequency weighs beside a code's own pairs.
constexpr double kPrior = 5;

}  // namespace

CodeBigram::CodeBigram(std::int64_t codebook_size)
    : size_(codebook_size),
      followers_(static_cast<std::size_t>(codebook_size + 1)),
      single_(static_cast<std::size_t>(codebook_size)) {}

void CodeBigram::learn(std::span<const std::int64_t> codes_F) {
  guesses_.clear();
  by_frequency_.clear();
  std::int64_t before = size_;
  for (const std::int64_t code : codes_F) {
    followers_[static_cast<std::size_t>(before)][code] += 1;
    single_[static_cast<std::size_t>(code)] += 1;
    before = code;
  }
}

/// Of the codes that never followed `before` the most frequent ones may be guessed: ten of them are looked at.
const std::vector<std::int64_t>& CodeBigram::guesses(std::int64_t before) {
  const auto frequency = [&](std::int64_t code) { return single_[static_cast<std::size_t>(code)]; };
  if (by_frequency_.empty()) {
    by_frequency_.resize(static_cast<std::size_t>(size_));
    std::iota(by_frequency_.begin(), by_frequency_.end(), 0);
    std::stable_sort(by_frequency_.begin(), by_frequency_.end(),
                     [&](std::int64_t a, std::int64_t b) { return frequency(a) > frequency(b); });
    guesses_.assign(static_cast<std::size_t>(size_ + 1), {});
  }
  std::vector<std::int64_t>& best = guesses_[static_cast<std::size_t>(before)];
  if (!best.empty()) return best;
  const auto& pairs = followers_[static_cast<std::size_t>(before)];
  const double all = std::max(1.0, std::accumulate(single_.begin(), single_.end(), 0.0));
  const std::int64_t kept = std::min(kGuesses, size_);
  std::vector<std::pair<double, std::int64_t>> candidates;
  const auto add = [&](std::int64_t code, double count) {
    candidates.emplace_back(-(count + kPrior * frequency(code) / all), code);
  };
  for (const auto& [code, count] : pairs) add(code, count);
  std::int64_t others = 0;
  for (auto code = by_frequency_.begin(); code != by_frequency_.end() && others < kept; ++code)
    if (!pairs.contains(*code)) add(*code, 0), ++others;
  std::sort(candidates.begin(), candidates.end());
  for (std::int64_t i = 0; i < kept; ++i) best.push_back(candidates[static_cast<std::size_t>(i)].second);
  return best;
}

CodeBigram::Score CodeBigram::score(std::span<const std::int64_t> codes_F, bool with_first) {
  std::int64_t before = size_;
  Score score;
  for (std::size_t f = 0; f < codes_F.size(); ++f) {
    if (f > 0 || with_first) {
      const std::vector<std::int64_t>& guessed = guesses(before);
      score.tries += 1;
      score.first_hits += guessed.front() == codes_F[f] ? 1 : 0;
      score.hits += std::find(guessed.begin(), guessed.end(), codes_F[f]) != guessed.end() ? 1 : 0;
    }
    before = codes_F[f];
  }
  return score;
}

CodeBigram::Score& CodeBigram::Score::operator+=(const Score& other) {
  hits += other.hits;
  tries += other.tries;
  first_hits += other.first_hits;
  return *this;
}

}  // namespace timbre::corpus
