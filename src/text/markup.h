#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/phonemes.h"
#include "text/sentences.h"

/// `[pause:1.5s]`, `[pause:300ms]` and `[word](/phones/)` inside text. Other brackets stay text. Where it is asked for,
/// `<slow>…</slow>`, `<medium>…</medium>` and `<fast>…</fast>` too.
namespace timbre::text {

/// Bytes [begin, end) that are said at a speed of their own.
struct SpeedSpan {
  std::size_t begin = 0, end = 0;
  std::string speed;  ///< "slow", "medium", "fast"
  bool operator==(const SpeedSpan&) const = default;
};

enum class Tags { text, speeds };  ///< what "<slow>" is: text as any other, or markup

/// A text with its markup taken out.
struct Marked {
  struct Pause {
    std::size_t at = 0;  ///< byte of plain before which the pause lies
    double seconds = 0;
  };
  std::string plain;
  std::vector<Pause> pauses;      ///< in order
  std::vector<Spoken> spoken;     ///< in order, bytes of plain
  std::vector<SpeedSpan> speeds;  ///< in order, bytes of plain; none is empty
};

/// Throws UsageError for malformed markup ("[pause:" without a number, unit or bracket, a pause above 60 s, "[word](/"
/// without "/)"; of tags one that is unknown, inside another, not closed or not open), naming line and column.
Marked parse_markup(std::string_view text, Tags tags = Tags::text);

/// One stretch to synthesise in one go.
struct SpeechPiece {
  std::string text;               ///< empty only for a pause before the first word
  std::vector<Spoken> spoken;     ///< bytes of text
  std::vector<SpeedSpan> speeds;  ///< bytes of text
  double pause_after_s = 0;       ///< from [pause:…]
  bool ends_sentence = true;      ///< false where a pause or the length limit cut a sentence
  bool ends_paragraph = false;
};

/// Markup and sentence splitting together: what a voice says one piece after the other.
std::vector<SpeechPiece> plan_speech(std::string_view text, const SentenceOptions& options = {},
                                     Tags tags = Tags::text);

/// The whole text as one piece; nothing where nothing is written. Throws as parse_markup(), and UsageError for pauses,
/// which would cut it.
std::vector<SpeechPiece> one_piece(std::string_view text, Tags tags = Tags::text);

}  // namespace timbre::text
