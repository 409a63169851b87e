#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

/// Bytes [begin, end) of the text that was split, without white space at its ends; never empty.
struct Sentence {
  std::size_t begin = 0, end = 0;
  bool ends_sentence = true;    ///< false where only the length limit cut
  bool ends_paragraph = false;  ///< an empty line or the end of the text follows
};

struct SentenceOptions {
  std::string language = "en";        ///< whose abbreviations do not end a sentence
  std::size_t max_code_points = 250;  ///< longer sentences are cut at clauses, then at spaces, then anywhere
};

/// Splits any text (also 。！？ ؟ । and …, closing quotes and brackets stay with their sentence). A piece without a
/// letter or digit joins its neighbour; a text without any gives none. O(n).
std::vector<Sentence> split_sentences(std::string_view text, const SentenceOptions& options = {});

}  // namespace timbre::text
