#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "score/recognizer.h"

/// The closed grammar of a corpus, and which of its prompts are kept out of training to be listened to.
namespace timbre::score {

/// A prompt that the recogniser can be asked about.
struct Prompt {
  std::string id;        ///< the first utterance with these words
  std::string sentence;  ///< its words joined by blanks
};

/// Every distinct prompt of at least `min_words` words that the recogniser's dictionary knows all of, in the corpus's
/// order. The recogniser hears English: prompts marked as another language are not its.
std::vector<Prompt> closed_grammar(const corpus::Corpus& corpus, const Recognizer& recognizer,
                                   std::int64_t min_words = 3);

/// Every distinct text of a language with at least `min_words` words, in the corpus's order: for languages that no
/// recogniser is here for. `language` is a tag ("fr", "fr-CA"); the sentence is the text in lower case.
std::vector<Prompt> prompts_of_language(const corpus::Corpus& corpus, const std::string& language,
                                        std::int64_t min_words);

/// `count` of them by a seed; the same seed and corpus give the same list. Throws DataError when there are fewer.
std::vector<Prompt> choose_heldout(const std::vector<Prompt>& prompts, std::int64_t count, std::uint64_t seed);

}  // namespace timbre::score
