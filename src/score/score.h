#pragma once
#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/event.h"
#include "corpus/corpus.h"
#include "score/measures.h"
#include "score/recognizer.h"
#include "voice/code_speaker.h"
#include "voice/speech.h"

/// Scores a voice on prompts it was not trained on, beside the real recordings of the same prompts.
///
/// Each prompt is said by the speaker and in the language of its recording, where the voice has them. Prompts that the
/// recogniser cannot be asked about (other languages, figures) are measured without it.
///
/// Rows: the recordings; the recordings through the voice's own vocoder (what the vocoder costs); espeak-ng (a floor);
/// the voice. Measures: prompts understood by the closed-grammar recogniser, mel-cepstral distortion to the recording,
/// speaking rate, pitch, real-time factor.
namespace timbre::score {

namespace fs = std::filesystem;

struct ScoreOptions {
  std::vector<std::string> ids;        ///< prompts to score; empty = the voice's held-out ones
  bool vocoded = true, espeak = true;  ///< the two rows for comparison
  std::string keep;                    ///< folder that gets every clip as WAV; empty = none
  std::int64_t min_words = 3;          ///< of the grammar's sentences
  std::int64_t seed = 0;
  std::string speed = "medium";  ///< of voices of codes with speed tokens
};
config::Fields fields(ScoreOptions& options);

struct Clip {
  std::string id, text;
  std::string sentence;  ///< that the recogniser was to hear; "" = it was not asked
  std::string heard;     ///< what it understood
  bool understood = false;
  double mcd_db = 0, rate = 0, pitch_median_hz = 0, pitch_range_semitones = 0, duration_s = 0;
  std::string file;  ///< where it was kept
};

struct Row {
  std::string name;  ///< "recordings", "vocoded", "espeak-ng", or the voice's name
  std::vector<Clip> clips;
  double synthesis_s = 0;  ///< wall time of making the clips; 0 for recordings
  std::int64_t understood() const;
  std::int64_t asked() const;  ///< clips that the recogniser listened to
  double real_time_factor() const;
};

struct ScoreTable {
  std::string voice, corpus;
  std::int64_t grammar = 0;  ///< sentences the recogniser chose among
  std::vector<Row> rows;
};

/// Throws UsageError when there are no held-out prompts, DataError when one of them is not in the corpus.
ScoreTable score_voice(const voice::Voice& voice, const roles::Registry& registry, const corpus::Corpus& corpus,
                       const ScoreOptions& options, const EventSink& events);

/// A codec's round trip: the recordings, and what is left of them with one codebook and with all. `about` is its
/// voice.json. Throws as score_voice.
ScoreTable score_codec(roles::Codec& codec, const nlohmann::json& about, const corpus::Corpus& corpus,
                       const ScoreOptions& options, const EventSink& events);

/// The prompt that a voice of codes goes on from when it says the text of an utterance.
using PromptOf = std::function<voice::CodePrompt(const corpus::Utterance& spoken)>;

/// The recording that prompts a voice of codes for `spoken`: of the same speaker and language, another text, none of
/// `heldout`, as near to 4 s as there is. Throws DataError where there is none.
const corpus::Utterance& prompt_for(const corpus::Corpus& corpus, const corpus::Utterance& spoken,
                                    const std::vector<std::string>& heldout);

/// A voice of codes beside the codec's round trip and espeak-ng. `prompt_of` may be empty: the speaker keeps its own
/// prompt. `about` is its voice.json. Throws as score_voice.
ScoreTable score_codes(voice::CodeSpeaker& speaker, const nlohmann::json& about, const corpus::Corpus& corpus,
                       const ScoreOptions& options, const PromptOf& prompt_of, const EventSink& events);

/// A vocoder's copies of the recordings, from their mels. `about` is its voice.json. Throws as score_voice.
ScoreTable score_vocoder(roles::Vocoder& vocoder, const nlohmann::json& about, const corpus::Corpus& corpus,
                         const ScoreOptions& options, const EventSink& events);

/// Writes a clip of a row as WAV into the folder of ScoreOptions::keep; returns its name there. Throws SystemError.
std::string keep_clip(const fs::path& keep, std::string row, const std::string& id, std::span<const float> wave_N,
                      std::int64_t rate_hz);

nlohmann::json to_json(const ScoreTable& table);
/// For a terminal.
std::string to_text(const ScoreTable& table);

}  // namespace timbre::score
