#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "audio/mel.h"
#include "roles/registry.h"
#include "text/phonemes.h"

/// A voice folder: voice.json and the weights it names. Everything a program needs to speak with it.
///
/// voice.json:
///   format       "timbre voice 1"
///   name         for people
///   model        {kind, config {option: value}, weights "model.safetensors"}
///   front_end    name for text::make_front_end; language: short code of the first it reads
///   speaker_languages  {speaker: language} where the front end reads several and each speaker has one
///   text         text::TextOptions; its g2p names a folder inside this one, a copy of the one trained with
///   symbols      phones, index = embedding row; speakers: names, index = row
///   mel          audio::MelOptions
///   stats        {pitch, energy: [min, max, mean, standard deviation]}
///   vocoder      {kind, …its options}, or {folder}: a voice folder inside this one whose model is the vocoder
///   codec        instead of mel and vocoder, of voices that speak in codes (roles/code_synthesizer.h): what the codec
///                is (prepare::codec_facts), and {folder "codec"} when a copy of it lies inside this one
///   code_vocoder of such voices, optional: {folder "code_vocoder"}, a vocoder of those codes (Vocos)
///   prompt       of such voices, optional: {file "prompt.safetensors", text}: whom it sounds like unless told
///   otherwise lexicon      optional file beside it: the voice's own words (text/user_lexicon.h) fingerprint
///   {sentences: [hash …], rules, guesser}: what the front end made of the probe sentences
///                (text/probe.h), and the versions it was made with; of a front end of several languages
///                {readers: {"espeak:fr-fr": the same, …}}; tokens: a copy of token_policy
///   token_policy of voices that speak in codes: {pad, bos, eos, unknown} (text/token_rows.h)
///   tokenizer, speaking instead of symbols and text, of voices whose front_end is "tokenizer" (voice/token_voice.h)
///   licence, attribution, provenance {corpus, corpus_hash, base_voice, seed, steps, tool_version}, scores
namespace timbre::voice {

namespace fs = std::filesystem;

class Voice {
 public:
  /// `path`: a voice folder, a run folder (its voice/ is taken) or a voice.json. Throws UsageError when it is none of
  /// them, DataError naming file and field when voice.json is broken or of a newer format.
  static Voice open(const fs::path& path);

  const fs::path& dir() const { return files_.dir; }
  const nlohmann::json& about() const { return files_.about; }
  const roles::VoiceFiles& files() const { return files_; }
  /// Speaks through the vocoder of this folder instead of the voice's own; "" = its own. An error comes when it is
  /// opened.
  void use_vocoder(const fs::path& folder) { files_.vocoder = folder; }
  std::string name() const;
  std::string front_end_name() const;
  std::string language() const;
  /// The language a speaker speaks unless told otherwise; "" where voice.json does not say.
  std::string language_of_speaker(const std::string& speaker) const;
  audio::MelOptions mel() const;

  /// Whether texts become tokens by the tokenizer of this folder, not by a front end.
  bool has_tokenizer() const;
  /// That tokenizer's folder. Throws DataError when there is none in it.
  fs::path tokenizer_folder() const;

  /// The front end with the voice's own words. Throws UsageError for a voice with a tokenizer.
  std::unique_ptr<text::FrontEnd> make_front_end() const;
  /// Probe sentences that this machine's text path reads otherwise than the one the voice was trained with; empty =
  /// same, or no fingerprint in the voice. They are read once and remembered as long as nothing changed that the
  /// reading comes from (text/remembered_reading.h).
  std::vector<std::string> changed_sentences(text::FrontEnd& front_end) const;
  /// Whether words in no lexicon are pronounced by whom they were in training (always, without a fingerprint).
  bool same_guesser(text::FrontEnd& front_end) const;
  /// What else is not as in training, for people: " (rules for figures en-1, here en-2)"; "" = the same versions.
  std::string changed_versions(text::FrontEnd& front_end) const;
  /// What stood around texts in training and became of unknown tokens: the fingerprint's, of older voices
  /// token_policy's; all empty where the voice says nothing.
  text::TokenPolicy token_policy() const;

 private:
  /// What is stored of one reader of the front end; null when there is nothing.
  nlohmann::json fingerprint_of(const text::FrontEnd& reader) const;
  roles::VoiceFiles files_;
};

/// Writes voice.json atomically, with the format line first and, when `front_end` is given, its fingerprint. A g2p
/// voice that about["text"] names by its path is copied into
/// `dir`, so that the voice is whole by itself. The weights file must lie in `dir` already. Throws DataError naming
/// what `about` lacks.
void write_voice(const fs::path& dir, nlohmann::json about, text::FrontEnd* front_end = nullptr);

}  // namespace timbre::voice
