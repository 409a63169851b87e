#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tokenizer/speech_rows.h"
#include "voice/text_reader.h"
#include "voice/token_voice.h"

namespace timbre::voice {

/// Texts of a voice with a tokenizer, laid out as its training rows were: what is said after a recording is one text
/// with the recording's, and between texts of two speeds stands the token of the second (get_memmap_speedV2.py:
/// "first<|SLOW|>second", without a blank). Figures and abbreviations stay as they are written.
class TokenTexts final : public TextReader {
 public:
  /// `name` of the voice, for messages; `frames_per_s` of its codec. Throws DataError for a tokenizer without speech
  /// tokens.
  TokenTexts(tokenizer::Tokenizer tokenizer, TokenSpeaking speaking, std::string name, double frames_per_s);

  /// Sentences. One that goes on after a slow or fast stretch is cut there, since no row goes back: each piece has one
  /// such token at most, in front of its last stretch.
  std::vector<text::SpeechPiece> plan(const std::string& text, const ReadingOptions& options) const override;
  /// Throws UsageError for phones given by hand and for text that would smuggle a token in ("<|s_5|>").
  Read read(const text::SpeechPiece& piece, const std::string& language) override;
  bool reads_together() const override { return true; }
  /// With a blank between the texts, or <|MEDIUM|> where rows had it and the piece has no speed of its own.
  Joined read_together(const text::SpeechPiece& prompt, const text::SpeechPiece& piece,
                       const std::string& language) override;
  /// One that ends slow or fast would make everything after it so.
  bool can_prompt(const text::SpeechPiece& piece) const override { return piece.speeds.empty(); }
  /// Letters × the pace of the recording, or of training where there is none, or of anybody (14 letters a second).
  double expected_frames(const text::SpeechPiece& piece, std::string_view prompt_text,
                         std::int64_t prompt_frames) const override;
  std::int64_t language_row(const std::string& language) const override;
  const std::vector<std::string>& languages() const override { return none_; }

  const tokenizer::Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  bool teaches(const std::string& speed) const;
  void expect_speed(const std::string& speed) const;
  /// "first<|SLOW|>second", with the stretches trimmed.
  std::string laid_out(const text::SpeechPiece& piece) const;
  std::vector<std::int64_t> ids(std::string_view text) const;

  tokenizer::Tokenizer tokenizer_;
  tokenizer::SpeechRows rows_;
  TokenSpeaking speaking_;
  std::string name_;
  double frames_per_s_;
  std::vector<std::string> none_;
};

}  // namespace timbre::voice
