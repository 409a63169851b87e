#pragma once
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/speech_tokens.h"
#include "tokenizer/tokenizer.h"

/// How long a text takes to say: what tells a sentence that was left unfinished, or that ran on, from a good one.
namespace timbre::voice {

/// The length of a text in letters: 1 for a letter of an alphabet, 4 for a figure (it is said as a word), 5 for an
/// ideograph or a syllable of kana or hangul (a syllable of English is about 3). Marks and blanks are 0.
double letters_of(std::string_view text);

/// Frames of a codec that a letter takes, by speed; 0 = not known.
struct Pace {
  double medium = 0, slow = 0, fast = 0;
  double text = 0;  ///< beside its letters, of every text: the silence around it
  /// Of a speed that is not known: the nearest known, times 1.35 for slow and 0.75 for fast, which is what lies between
  /// the classes' thresholds and their middle. 0 when nothing is known.
  double of(std::optional<tokenizer::Speed> speed) const;
};

/// Learns it from training rows (tokenizer/speech_rows.h): the least squares of letters against codes, since a row of
/// two texts does not say where the codes of the second begin.
class PaceOfRows {
 public:
  /// The tokenizer outlives it. Throws DataError for one without speech tokens.
  explicit PaceOfRows(const tokenizer::Tokenizer& tokenizer);
  /// TUS text … TUE SGS codes …, with or without a template around it; rows without text or codes count for nothing.
  void add(std::span<const std::int32_t> row);
  Pace pace() const;
  /// The speed tokens that stood in rows, of "fast", "slow", "medium".
  std::vector<std::string> speeds() const;

 private:
  static constexpr std::size_t kSpeeds = 3;              // by tokenizer::Speed
  static constexpr std::size_t kUnknowns = kSpeeds + 1;  // and what a text takes beside its letters
  const tokenizer::Tokenizer& tokenizer_;
  tokenizer::SpeechTokens tokens_;
  std::array<bool, kSpeeds> marked_{};
  std::array<std::array<double, kUnknowns>, kUnknowns> products_{};  // Σ of products of letters and of numbers of texts
  std::array<double, kUnknowns> targets_{};                          // Σ of theirs with frames
};

}  // namespace timbre::voice
