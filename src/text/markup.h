#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/phonemes.h"
#include "text/sentences.h"

/// `[pause:1.5s]`, `[pause:300ms]` and `[word](/phones/)` inside text. Other brackets stay text.
namespace timbre::text {

/// A text with its markup taken out.
struct Marked {
  struct Pause {
    std::size_t at = 0;  ///< byte of plain before which the pause lies
    double seconds = 0;
  };
  std::string plain;
  std::vector<Pause> pauses;   ///< in order
  std::vector<Spoken> spoken;  ///< in order, bytes of plain
};

/// Throws UsageError for malformed markup ("[pause:" without a number, unit or bracket, a pause above 60 s, "[word](/"
/// without "/)"), naming line and column.
Marked parse_markup(std::string_view text);

/// One stretch to synthesise in one go.
struct SpeechPiece {
  std::string text;            ///< empty only for a pause before the first word
  std::vector<Spoken> spoken;  ///< bytes of text
  double pause_after_s = 0;    ///< from [pause:…]
  bool ends_sentence = true;   ///< false where a pause or the length limit cut a sentence
  bool ends_paragraph = false;
};

/// Markup and sentence splitting together: what a voice says one piece after the other.
std::vector<SpeechPiece> plan_speech(std::string_view text, const SentenceOptions& options = {});

}  // namespace timbre::text
