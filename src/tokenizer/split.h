#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "tokenizer/char_classes.h"

namespace timbre::tokenizer {

/// The pattern a tokenizer cuts texts with before BPE.
struct SplitPattern {
  int digits = 3;  ///< \p{N}{1,3} of Llama 3; 1 = \p{N} of Qwen 2
};

/// The pattern of a regular expression; nothing for one that is not Llama 3's or Qwen 2's, compared as text.
std::optional<SplitPattern> find_split_pattern(std::string_view regex);
/// The regular expression of a pattern.
std::string regex_of(const SplitPattern& pattern);

/// Cuts valid UTF-8 into the stretches that BPE may not cross. The first alternative that fits is taken, not the
/// longest: contractions ('s 'T 'ſ …); letters with one other character before them; digits; marks with one blank
/// before and newlines behind; white space up to its last newline; white space but its last blank where a word follows;
/// white space.
class Splitter {
 public:
  Splitter(std::string_view utf8, const SplitPattern& pattern)
      : text_(utf8), digits_(pattern.digits), classes_(CharClasses::unicode()) {}
  /// The next stretch, never empty; "" at the end.
  std::string_view next() {
    if (at_ >= text_.size()) return {};
    const std::size_t begin = at_;
    at_ = end_of_stretch(begin);
    return text_.substr(begin, at_ - begin);
  }

 private:
  struct Char {
    CharClass kind;
    std::size_t bytes;
  };
  Char at(std::size_t place) const;
  std::size_t end_of_stretch(std::size_t begin) const;
  std::size_t end_of_contraction(std::size_t begin) const;
  std::size_t end_of(CharClass kind, std::size_t from) const;
  std::size_t end_of_digits(std::size_t from) const;
  std::size_t end_of_marks(std::size_t from) const;
  std::size_t end_of_white_space(std::size_t begin) const;

  std::string_view text_;
  int digits_;
  const CharClasses& classes_;
  std::size_t at_ = 0;
};

}  // namespace timbre::tokenizer
