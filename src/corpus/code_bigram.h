#pragma once
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

/// What the next code can be guessed to be from the one before it alone: the least that a network has to beat before
/// its Top10Accuracy says anything about speech. Silence and held vowels alone make this 20 to 45 %.
namespace timbre::corpus {

/// Counts of neighbours in the first codebook. For each code the ten likeliest followers are guessed: its own pairs,
/// with the codes' overall frequency behind them where pairs are few. Memory grows with the pairs heard, not with the
/// codebook's square: 65,536 codes are no more than 1,024.
class CodeBigram {
 public:
  /// `codebook_size` entries; the start of a recording is one more.
  explicit CodeBigram(std::int64_t codebook_size);
  /// One recording of the training side. Codes must be in the codebook (Utterances checks them).
  void learn(std::span<const std::int64_t> codes_F);
  /// Hits and tries on one recording, as the AR part counts them: ends are not asked, the first code only when
  /// `with_first` (a network with a start token predicts it).
  struct Score {
    std::int64_t hits = 0, tries = 0;
    std::int64_t first_hits = 0;  ///< the likeliest of the ten was it
    double share() const { return tries > 0 ? static_cast<double>(hits) / static_cast<double>(tries) : 0; }
    double first_share() const { return tries > 0 ? static_cast<double>(first_hits) / static_cast<double>(tries) : 0; }
    Score& operator+=(const Score& other);
  };
  Score score(std::span<const std::int64_t> codes_F, bool with_first);

 private:
  const std::vector<std::int64_t>& guesses(std::int64_t before);
  std::int64_t size_;
  std::vector<std::unordered_map<std::int64_t, double>> followers_;  ///< by the code before: size + 1
  std::vector<double> single_;                                       ///< size
  std::vector<std::int64_t> by_frequency_;                           ///< all codes, made when first asked
  std::vector<std::vector<std::int64_t>> guesses_;                   ///< by the code before, made when first asked
};

}  // namespace timbre::corpus
