#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "audio/cepstrum.h"
#include "audio/decode.h"
#include "audio/resample.h"
#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "corpus/split.h"
#include "roles/codec.h"
#include "roles/vocoder.h"
#include "score/espeak_reader.h"
#include "score/prompts.h"
#include "score/score.h"

namespace timbre::score {
namespace {

using Clock = std::chrono::steady_clock;

/// What a row makes of a prompt: a copy of its recording, or its text said by a voice. May look at both.
using Copy = std::function<std::vector<float>(const corpus::Utterance& prompt, const std::vector<float>& wave_N)>;

/// What is the same in all rows.
class CopyScorer {
 public:
  CopyScorer(std::int64_t rate_hz, const corpus::Corpus& corpus, const ScoreOptions& options, const EventSink& events)
      : rate_hz_(rate_hz), corpus_(corpus), options_(options), events_(events), mel_(mel_at(rate_hz)) {
    std::vector<std::string> sentences;
    for (const auto& prompt : closed_grammar(corpus, recognizer_, options.min_words)) {
      sentence_of_[prompt.id] = prompt.sentence;
      sentences.push_back(prompt.sentence);
    }
    if (sentences.empty())
      throw DataError(fmt::format("{}: no text the recogniser can be asked about", corpus.dir().string()),
                      "it knows English: take a corpus of English prompts");
    recognizer_.set_sentences(sentences);
  }

  std::int64_t grammar() const { return static_cast<std::int64_t>(sentence_of_.size()); }

  /// No copy: the recordings themselves.
  Row row(const std::string& name, const std::vector<std::string>& ids, const Copy& copy) {
    Row row{.name = name, .clips = {}};
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto at = corpus_.find(ids[i]);
      const auto sentence = sentence_of_.find(ids[i]);
      if (at < 0 || sentence == sentence_of_.end())
        throw DataError(fmt::format("the prompt '{}' is not one the recogniser can be asked about in {}", ids[i],
                                    corpus_.dir().string()),
                        "choose prompts with: timbre heldout CORPUS --count 40 -o heldout.txt");
      const auto& utterance = corpus_.utterances()[static_cast<std::size_t>(at)];
      const auto recorded_N = audio::decode_audio(corpus_.audio_path(utterance), rate_hz_).samples_N;
      const auto start = Clock::now();
      const auto wave_N = copy ? copy(utterance, recorded_N) : recorded_N;
      if (copy) row.synthesis_s += std::chrono::duration<double>(Clock::now() - start).count();
      row.clips.push_back(measure(name, ids[i], sentence->second, recorded_N, wave_N));
      emit_progress(events_, "score " + name, static_cast<double>(i + 1), static_cast<double>(ids.size()), "prompts");
    }
    return row;
  }

 private:
  static audio::MelOptions mel_at(std::int64_t rate_hz) {
    audio::MelOptions mel = audio::mel_preset("tacotron");
    mel.rate_hz = rate_hz;
    mel.f_max_hz = std::min(mel.f_max_hz, static_cast<double>(rate_hz) / 2);
    return mel;
  }

  Clip measure(const std::string& row, const std::string& id, const std::string& sentence,
               std::span<const float> recorded_N, std::span<const float> wave_N) {
    Clip clip{.id = id, .sentence = sentence};
    const std::vector<float> same_N(wave_N.begin(), wave_N.end());
    clip.heard = recognizer_.recognize(
        rate_hz_ == Recognizer::kRateHz ? same_N : audio::resample(wave_N, rate_hz_, Recognizer::kRateHz));
    clip.understood = clip.heard == sentence;
    const auto recorded = mel_(recorded_N), mel = mel_(wave_N);
    clip.mcd_db = audio::mel_cepstral_distortion(recorded.values_FM, mel.values_FM, mel.bins).db;
    const auto pitch = pitch_range(wave_N, rate_hz_);
    clip.pitch_median_hz = pitch.median_hz;
    clip.pitch_range_semitones = pitch.range_semitones;
    clip.duration_s = static_cast<double>(wave_N.size()) / static_cast<double>(rate_hz_);
    if (!options_.keep.empty()) clip.file = keep_clip(options_.keep, row, id, wave_N, rate_hz_);
    return clip;
  }

  std::int64_t rate_hz_;
  const corpus::Corpus& corpus_;
  const ScoreOptions& options_;
  const EventSink& events_;
  Recognizer recognizer_;
  audio::MelMaker mel_;
  std::map<std::string, std::string> sentence_of_;
};

/// What copies are called in the table.
using Copies = std::vector<std::pair<std::string, Copy>>;

ScoreTable table_of(const std::string& name, const nlohmann::json& about, std::int64_t rate_hz, const Copies& copies,
                    const corpus::Corpus& corpus, const ScoreOptions& options, const EventSink& events) {
  std::vector<std::string> ids = options.ids;
  if (ids.empty() && about.contains("provenance"))
    ids = about.at("provenance").value("test_ids", std::vector<std::string>());
  if (ids.empty())
    throw UsageError(fmt::format("'{}' names no held-out prompts", name),
                     "train with --split.test-list FILE (timbre heldout makes one), or name prompts: --ids a,b,c");
  CopyScorer scorer(rate_hz, corpus, options, events);
  ScoreTable table{.voice = name, .corpus = corpus.name(), .grammar = scorer.grammar(), .rows = {}};
  table.rows.push_back(scorer.row("recordings", ids, nullptr));
  for (const auto& [what, copy] : copies) table.rows.push_back(scorer.row(what, ids, copy));
  return table;
}

}  // namespace

ScoreTable score_codec(roles::Codec& codec, const nlohmann::json& about, const corpus::Corpus& corpus,
                       const ScoreOptions& options, const EventSink& events) {
  if (codec.channels() != 1)
    throw UsageError(fmt::format("{} codes {} channels; prompts are mono", codec.name(), codec.channels()));
  Copies copies;
  // The first codebook alone is what a model of a single stream speaks with.
  for (const std::int64_t codebooks : std::set<std::int64_t>{1, codec.codebooks()})
    copies.emplace_back(fmt::format("{} codebook{}", codebooks, codebooks == 1 ? "" : "s"),
                        [&codec, codebooks](const corpus::Utterance&, const std::vector<float>& wave_N) {
                          return codec.decode(codec.encode(wave_N, codebooks));
                        });
  return table_of(about.value("name", codec.name()), about, codec.rate_hz(), copies, corpus, options, events);
}

const corpus::Utterance& prompt_for(const corpus::Corpus& corpus, const corpus::Utterance& spoken,
                                    const std::vector<std::string>& heldout) {
  constexpr double kBest_s = 4;
  const corpus::Utterance* best = nullptr;
  for (const auto& u : corpus.utterances()) {
    if (u.speaker != spoken.speaker || u.language != spoken.language || corpus::is_copy(u) || trim(u.text).empty() ||
        corpus::text_key(u.text) == corpus::text_key(spoken.text) ||
        std::find(heldout.begin(), heldout.end(), u.id) != heldout.end())
      continue;
    if (!best || std::abs(u.duration_s - kBest_s) < std::abs(best->duration_s - kBest_s)) best = &u;
  }
  if (!best)
    throw DataError(fmt::format("{}: no other recording of speaker '{}' could be the prompt of '{}'",
                                corpus.dir().string(), spoken.speaker, spoken.id),
                    "--prompt RECORDING --prompt-text TEXT");
  return *best;
}

ScoreTable score_codes(voice::CodeSpeaker& speaker, const nlohmann::json& about, const corpus::Corpus& corpus,
                       const ScoreOptions& options, const PromptOf& prompt_of, const EventSink& events) {
  roles::Codec& codec = speaker.codec();
  Copies copies;
  if (options.vocoded)
    copies.emplace_back("recordings, coded", [&](const corpus::Utterance&, const std::vector<float>& wave_N) {
      return codec.decode(codec.encode(wave_N, speaker.codebooks()));
    });
  if (options.espeak)
    copies.emplace_back("espeak-ng", [&](const corpus::Utterance& prompt, const std::vector<float>&) {
      const auto read = read_with_espeak(prompt.text, "en-us");  // the recogniser's language
      return audio::resample(read.samples_N, read.rate_hz, codec.rate_hz());
    });
  copies.emplace_back(about.value("name", "voice"), [&](const corpus::Utterance& prompt, const std::vector<float>&) {
    if (prompt_of) speaker.set_prompt(prompt_of(prompt));
    voice::SayOptions say;
    say.seed = options.seed;
    say.speed = options.speed;
    if (speaker.asks_for_language()) say.language = prompt.language;
    std::vector<voice::SpokenPiece> pieces;
    speaker.say(prompt.text, say, [&](voice::SpokenPiece&& p) { pieces.push_back(std::move(p)); });
    return voice::join_pieces(std::move(pieces)).wave_N;
  });
  return table_of(about.value("name", "voice"), about, codec.rate_hz(), copies, corpus, options, events);
}

ScoreTable score_vocoder(roles::Vocoder& vocoder, const nlohmann::json& about, const corpus::Corpus& corpus,
                         const ScoreOptions& options, const EventSink& events) {
  const audio::MelMaker maker(vocoder.mel());
  const Copy copy = [&](const corpus::Utterance&, const std::vector<float>& wave_N) {
    const audio::Mel heard = maker(wave_N);
    auto copy_N = vocoder.synthesize(heard.values_FM, heard.frames);
    copy_N.resize(wave_N.size());  // a last part of a hop is no frame
    return copy_N;
  };
  const std::string name = about.value("name", vocoder.name());
  return table_of(name, about, vocoder.mel().rate_hz, {{name, copy}}, corpus, options, events);
}

}  // namespace timbre::score
