#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/markup.h"
#include "text/phonemes.h"
#include "text/token_rows.h"
#include "voice/text_reader.h"

namespace timbre::voice {

/// Texts as the tokens of a voice of codes: its front end, its rows, its languages.
class CodeTexts final : public TextReader {
 public:
  /// `symbols`: the voice's, index = row; `languages`: rows of its language table, may be none; `where` names the
  /// voice. Which marks stand around a text `policy` says, else the front end; else <bos> and <eos> do if there are
  /// such rows. Throws as text::TokenRows.
  CodeTexts(std::unique_ptr<text::FrontEnd> front_end, std::vector<std::string> symbols,
            std::vector<std::string> languages, const std::string& where, const text::TokenPolicy& policy = {});

  /// `language`: of the text, "" = language_of(). Languages that a text for VALL-E X marks itself ([EN]…[EN]) win.
  /// Throws UsageError for a language that the voice does not read, DataError for tokens without a row.
  Read read(std::string_view text, std::span<const text::Spoken> spoken, const std::string& language);
  Read read(const text::SpeechPiece& piece, const std::string& language) override {
    return read(piece.text, piece.spoken, language);
  }

  /// What is said in one go, piece by piece, and markup: sentences; of a text that marks its languages each in its
  /// marks, a sentence of several languages as one.
  std::vector<text::SpeechPiece> plan(const std::string& text, const std::string& language) const;
  /// Throws UsageError for speeds, of which phones know nothing.
  std::vector<text::SpeechPiece> plan(const std::string& text, const ReadingOptions& options) const override;
  /// The language a text is read in that was given as `given`: its script's where the voice wants languages marked and
  /// the text does not mark them, else the front end's.
  std::string language_of(std::string_view text, const std::string& given) const;

  /// Whether a prompt's text and the one after it are read as one text, as lifeiteng's line does; VALL-E X joins their
  /// tokens.
  bool reads_together() const override { return !rows_.policy().bos.empty() && languages_.empty(); }
  Joined read_together(const text::SpeechPiece& prompt, const text::SpeechPiece& piece,
                       const std::string& language) override;
  /// The row of a language. Throws UsageError naming those that there are.
  std::int64_t language_row(const std::string& language) const override;
  const std::vector<std::string>& languages() const override { return languages_; }
  text::FrontEnd* front_end() override { return front_end_.get(); }

 private:
  bool marks_languages(std::string_view text) const;
  text::FrontEnd& reader(const std::string& language);
  void fit(text::FrontEnd& reader, text::Phonemized& phonemized) const;

  std::unique_ptr<text::FrontEnd> front_end_;
  std::unique_ptr<text::FrontEnd> other_;  ///< another of VALL-E X's line: of one language, or of marked ones
  text::TokenRows rows_;
  std::vector<std::string> languages_;
};

}  // namespace timbre::voice
