#include "models/valle/bigram.h"

#include <algorithm>
#include <numeric>

namespace timbre::valle {
namespace {

constexpr std::int64_t kGuesses = 10;
/// How many pairs' worth the overall frequency weighs beside a code's own pairs.
constexpr double kPrior = 5;

}  // namespace

Bigram::Bigram(std::int64_t codebook_size)
    : size_(codebook_size),
      pairs_(static_cast<std::size_t>((codebook_size + 1) * codebook_size)),
      single_(static_cast<std::size_t>(codebook_size)) {}

void Bigram::learn(std::span<const std::int64_t> codes_F) {
  guesses_.clear();
  std::int64_t before = size_;
  for (const std::int64_t code : codes_F) {
    pairs_[static_cast<std::size_t>(before * size_ + code)] += 1;
    single_[static_cast<std::size_t>(code)] += 1;
    before = code;
  }
}

void Bigram::rank() {
  const double all = std::max(1.0, std::accumulate(single_.begin(), single_.end(), 0.0));
  const std::int64_t kept = std::min(kGuesses, size_);
  std::vector<std::int32_t> order(static_cast<std::size_t>(size_));
  for (std::int64_t before = 0; before <= size_; ++before) {
    const auto weight = [&](std::int32_t code) {
      return pairs_[static_cast<std::size_t>(before * size_ + code)] +
             kPrior * single_[static_cast<std::size_t>(code)] / all;
    };
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + kept, order.end(), [&](std::int32_t a, std::int32_t b) {
      const double x = weight(a), y = weight(b);
      return x != y ? x > y : a < b;
    });
    guesses_.insert(guesses_.end(), order.begin(), order.begin() + kept);
  }
}

Bigram::Score Bigram::score(std::span<const std::int64_t> codes_F, bool with_first) {
  if (guesses_.empty()) rank();
  const std::int64_t kept = std::min(kGuesses, size_);
  Score score;
  std::int64_t before = size_;
  for (std::size_t f = 0; f < codes_F.size(); ++f) {
    if (f > 0 || with_first) {
      const auto from = guesses_.begin() + before * kept;
      score.tries += 1;
      score.hits += std::find(from, from + kept, static_cast<std::int32_t>(codes_F[f])) != from + kept ? 1 : 0;
    }
    before = codes_F[f];
  }
  return score;
}

Bigram::Score& Bigram::Score::operator+=(const Score& other) {
  hits += other.hits;
  tries += other.tries;
  return *this;
}

}  // namespace timbre::valle
