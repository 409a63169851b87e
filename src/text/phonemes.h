#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_rows.h"
#include "text/user_lexicon.h"

/// Text → phones. A front end is named by what it does ("espeak:en-us"), kept in voice.json, and fingerprinted
/// by what it makes of probe sentences (text/probe.h).
namespace timbre::text {

/// Silence at both ends of an utterance (espeak: and arpabet: front ends always put one there).
inline constexpr std::string_view kEdgeSilence = "sil";
/// A pause inside an utterance; one for each run of punctuation.
inline constexpr std::string_view kInnerPause = "sp";

/// What a front end makes of one text. P phones, W words.
struct Phonemized {
  std::vector<std::string> phones;             ///< P symbols, pauses included
  std::vector<std::string> words;              ///< W words as they were read (numbers and currencies may be spelt out)
  std::vector<std::int64_t> word_of_phone;     ///< P indices into words; -1 for a pause
  std::vector<std::string> language_of_phone;  ///< P codes ("en"), from front ends that mix languages in one text
  std::vector<std::string> warnings;           ///< what was dropped or guessed, for people
  std::vector<std::string> guessed;            ///< words in no lexicon, which FrontEnd::guesser() pronounced
};

/// Phones given by hand for the bytes [begin, end) of a text: from `[word](/ipa/)` (text/markup.h).
struct Spoken {
  std::size_t begin = 0, end = 0;
  std::string phones;  ///< as written between the slashes
};

/// One way of turning text into phones. Not thread-safe unless a class says so; espeak front ends share one
/// process-wide lock, so parallel preparation uses processes (`--shard`).
class FrontEnd {
 public:
  virtual ~FrontEnd() = default;
  /// The name make_front_end() takes: "espeak:en-us", "ming024:english" …
  virtual std::string name() const = 0;
  /// The language as a short code: "en", "fr", "zh".
  virtual std::string language() const = 0;
  /// The rules that write figures out, with their version: "de-1"; "" when none are used.
  virtual std::string rules() const { return ""; }
  /// Who pronounces words that are in no lexicon: "g2p_en's network", "g2p 1a2b3c4d"; "" when there is no such thing.
  virtual std::string guesser() const { return ""; }
  /// Which files, settings and versions this reading comes from, this program apart: another text whenever any of them
  /// changed. "" when that cannot be told, or not safely: then nobody may remember what the front end said.
  virtual std::string sources() const { return ""; }
  /// Phones of a text of any length with its punctuation. Text without a speakable character gives no phones and
  /// a warning. Throws UsageError for a script the voice cannot read (naming the characters) and for phones
  /// given by hand that this front end does not have.
  virtual Phonemized phonemize(std::string_view text, std::span<const Spoken> spoken) = 0;
  Phonemized phonemize(std::string_view text) { return phonemize(text, {}); }
  /// What stands around the phones of a text and what becomes of those without a row, where the front end belongs to a
  /// network that has rules of its own for that; else all empty.
  virtual TokenPolicy policy() const { return {}; }
  /// The next plainer phone to try for a phone that a voice has never seen ("ˈɑː" → "ɑː" → "ɑ"), or "" when there
  /// is none left.
  virtual std::string plainer(std::string_view phone) const;
  /// One front end for each language it reads, the first for texts of no known language: itself where it reads one
  /// alone. text/multilingual_front_end.h chooses among them.
  virtual std::vector<FrontEnd*> readers() { return {this}; }
};

/// How text becomes phones beside the front end's name: `text.*` of a model, kept in its voice (text/text_options.h).
struct TextOptions {
  std::string normalize = "words";  ///< what becomes of figures and signs (text/normalize.h); see
                                    ///< reads_figures_itself() for who takes no notice
  std::string g2p;  ///< folder of a trained g2p voice or its run, for words in no lexicon; arpabet:* alone
};

/// What a front end may need besides its name.
struct FrontEndOptions {
  std::filesystem::path lexicon;  ///< "word  PH PH" file looked up first (ming024:*, arpabet:*); empty = none
  UserLexicon user;               ///< a voice's own words
  TextOptions text;
};

/// "espeak:VOICE" (any voice of espeak-ng: en-us, es, fr-fr, it, ru, de …), "espeak:VOICE,VOICE…" for several
/// languages, "arpabet:en", "pinyin:zh", "pinyin:zh-strict", "ming024:english", "ming024:mandarin",
/// "phonemizer:VOICE", "pypinyin:syllables" and the like (text/phonemizer_front_end.h), "vallex:en" and the like
/// (text/vallex_front_end.h). Throws UsageError
/// for an unknown name or voice (listing what there is) and for "espeak:auto", which a corpus has to settle first
/// (prepare/corpus_languages.h); SystemError when libespeak-ng is missing (saying what to install).
std::unique_ptr<FrontEnd> make_front_end(const std::string& name, FrontEndOptions options = {});

}  // namespace timbre::text
