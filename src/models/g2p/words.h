#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/g2p/config.h"

/// The data: words and their phones as rows of two tables.
namespace timbre::g2p {

/// Row of a letter = its place here; row 0 is padding.
inline constexpr std::string_view kLetters = "_'abcdefghijklmnopqrstuvwxyz";
/// Rows of the phone table that are no phones: padding, what is said before the first phone, what ends a word.
inline constexpr std::int64_t kPad = 0, kStart = 1, kEnd = 2;

struct Entry {
  std::string word;                  ///< lower case
  std::vector<std::int64_t> phones;  ///< rows of Dictionary::symbols, without start and end
};

struct Dictionary {
  std::vector<std::string> symbols;  ///< "_", "<s>", "</s>", then every phone with its stress, sorted
  std::vector<Entry> entries;        ///< sorted by word
  std::int64_t left_out = 0;         ///< words with other characters, or too long
};

/// The first pronunciation of every word of CMUdict that is spelt with kLetters and no longer than the config allows.
Dictionary read_cmudict(const Config& config);

/// Rows of a word's letters. Throws UsageError for a character that kLetters lacks and for an empty word.
std::vector<std::int64_t> letter_rows(std::string_view word);

enum class Side { train, valid, test };
Side side_of(std::string_view word, const SplitOptions& options);

/// Names of rows.
std::vector<std::string> phone_names(std::span<const std::int64_t> rows, const std::vector<std::string>& symbols);

/// "AH0" → "AH".
std::string_view without_stress(std::string_view phone);

/// Substitutions, insertions and deletions between two pronunciations, stress aside (Levenshtein 1966).
std::int64_t phone_errors(std::span<const std::string> said, std::span<const std::string> wanted);

}  // namespace timbre::g2p
