#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/markup.h"
#include "voice/code_sentences.h"

namespace timbre::text {
class FrontEnd;
}

namespace timbre::voice {

/// How a text is to be said, as far as reading it goes.
struct ReadingOptions {
  std::string language;          ///< "" = the voice's own
  std::string speed = "medium";  ///< of all that no tag says otherwise of
  text::Tags tags = text::Tags::text;
  bool whole = false;  ///< in one go, not sentence by sentence
};

/// Texts as the tokens of a voice of codes: phones with rows (CodeTexts), or what a tokenizer makes (TokenTexts).
class TextReader {
 public:
  virtual ~TextReader() = default;

  struct Read {
    CodeText tokens;
    std::vector<std::string> warnings, guessed;
    bool speaks = false;  ///< something in it can be said
  };

  /// What is said in one go, piece by piece. Throws UsageError for malformed markup and for speeds the voice was not
  /// taught.
  virtual std::vector<text::SpeechPiece> plan(const std::string& text, const ReadingOptions& options) const = 0;
  /// Throws UsageError for a language that the voice does not read, DataError for tokens without a row.
  virtual Read read(const text::SpeechPiece& piece, const std::string& language) = 0;

  /// Whether a prompt's text and the one after it are read as one text.
  virtual bool reads_together() const = 0;
  struct Joined {
    CodeText tokens;
    std::int64_t prompt_tokens = 0;  ///< as the prompt's text alone has them
  };
  /// As one, where reads_together().
  virtual Joined read_together(const text::SpeechPiece& prompt, const text::SpeechPiece& piece,
                               const std::string& language) = 0;
  /// Whether what was said can be a prompt of its own.
  virtual bool can_prompt(const text::SpeechPiece& /*piece*/) const { return true; }

  /// Frames that the piece should take after a prompt (0 frames = none); 0 = nobody knows.
  virtual double expected_frames(const text::SpeechPiece& /*piece*/, std::string_view /*prompt_text*/,
                                 std::int64_t /*prompt_frames*/) const {
    return 0;
  }

  /// The row of a language. Throws UsageError naming those that there are.
  virtual std::int64_t language_row(const std::string& language) const = 0;
  /// Rows of the voice's language table; none where it has no such table.
  virtual const std::vector<std::string>& languages() const = 0;
  /// Null: a tokenizer reads.
  virtual text::FrontEnd* front_end() { return nullptr; }
};

}  // namespace timbre::voice
