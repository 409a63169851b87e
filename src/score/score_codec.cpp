#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "audio/cepstrum.h"
#include "audio/decode.h"
#include "audio/resample.h"
#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "roles/codec.h"
#include "score/prompts.h"
#include "score/score.h"

namespace timbre::score {
namespace {

using Clock = std::chrono::steady_clock;

/// What is the same in all rows.
class CodecScorer {
 public:
  CodecScorer(roles::Codec& codec, const corpus::Corpus& corpus, const ScoreOptions& options, const EventSink& events)
      : codec_(codec), corpus_(corpus), options_(options), events_(events), mel_(mel_of(codec)) {
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

  /// codebooks 0: the recordings themselves.
  Row row(const std::string& name, const std::vector<std::string>& ids, std::int64_t codebooks) {
    Row row{.name = name, .clips = {}};
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto at = corpus_.find(ids[i]);
      const auto sentence = sentence_of_.find(ids[i]);
      if (at < 0 || sentence == sentence_of_.end())
        throw DataError(fmt::format("the prompt '{}' is not one the recogniser can be asked about in {}", ids[i],
                                    corpus_.dir().string()),
                        "choose prompts with: timbre heldout CORPUS --count 40 -o heldout.txt");
      const auto& utterance = corpus_.utterances()[static_cast<std::size_t>(at)];
      const auto recorded_N = audio::decode_audio(corpus_.audio_path(utterance), codec_.rate_hz()).samples_N;
      const auto start = Clock::now();
      const auto wave_N = codebooks == 0 ? recorded_N : codec_.decode(codec_.encode(recorded_N, codebooks));
      if (codebooks > 0) row.synthesis_s += std::chrono::duration<double>(Clock::now() - start).count();
      row.clips.push_back(measure(name, ids[i], sentence->second, recorded_N, wave_N));
      emit_progress(events_, "score " + name, static_cast<double>(i + 1), static_cast<double>(ids.size()), "prompts");
    }
    return row;
  }

 private:
  static audio::MelOptions mel_of(const roles::Codec& codec) {
    audio::MelOptions mel = audio::mel_preset("tacotron");
    mel.rate_hz = codec.rate_hz();
    mel.f_max_hz = std::min(mel.f_max_hz, static_cast<double>(codec.rate_hz()) / 2);
    return mel;
  }

  Clip measure(const std::string& row, const std::string& id, const std::string& sentence,
               std::span<const float> recorded_N, std::span<const float> wave_N) {
    Clip clip{.id = id, .sentence = sentence};
    const std::vector<float> same_N(wave_N.begin(), wave_N.end());
    clip.heard = recognizer_.recognize(codec_.rate_hz() == Recognizer::kRateHz
                                           ? same_N
                                           : audio::resample(wave_N, codec_.rate_hz(), Recognizer::kRateHz));
    clip.understood = clip.heard == sentence;
    const auto recorded = mel_(recorded_N), mel = mel_(wave_N);
    clip.mcd_db = audio::mel_cepstral_distortion(recorded.values_FM, mel.values_FM, mel.bins).db;
    const auto pitch = pitch_range(wave_N, codec_.rate_hz());
    clip.pitch_median_hz = pitch.median_hz;
    clip.pitch_range_semitones = pitch.range_semitones;
    clip.duration_s = static_cast<double>(wave_N.size()) / static_cast<double>(codec_.rate_hz());
    if (options_.keep.empty()) return clip;
    std::string folder = row;
    for (char& c : folder) c = (c == ' ' || c == ',' || c == '/') ? '-' : c;
    make_folders(fs::path(options_.keep) / folder);
    clip.file = folder + "/" + id + ".wav";
    audio::write_audio(fs::path(options_.keep) / clip.file, wave_N, codec_.rate_hz());
    return clip;
  }

  roles::Codec& codec_;
  const corpus::Corpus& corpus_;
  const ScoreOptions& options_;
  const EventSink& events_;
  Recognizer recognizer_;
  audio::MelMaker mel_;
  std::map<std::string, std::string> sentence_of_;
};

}  // namespace

ScoreTable score_codec(roles::Codec& codec, const nlohmann::json& about, const corpus::Corpus& corpus,
                       const ScoreOptions& options, const EventSink& events) {
  if (codec.channels() != 1)
    throw UsageError(fmt::format("{} codes {} channels; prompts are mono", codec.name(), codec.channels()));
  const std::string name = about.value("name", codec.name());
  std::vector<std::string> ids = options.ids;
  if (ids.empty() && about.contains("provenance"))
    ids = about.at("provenance").value("test_ids", std::vector<std::string>());
  if (ids.empty())
    throw UsageError(fmt::format("the codec '{}' names no held-out prompts", name),
                     "train with --split.test-list FILE (timbre heldout makes one), or name prompts: --ids a,b,c");
  CodecScorer scorer(codec, corpus, options, events);
  ScoreTable table{.voice = name, .corpus = corpus.name(), .grammar = scorer.grammar(), .rows = {}};
  table.rows.push_back(scorer.row("recordings", ids, 0));
  // The first codebook alone is what a model of a single stream speaks with.
  for (const std::int64_t codebooks : std::set<std::int64_t>{1, codec.codebooks()})
    table.rows.push_back(
        scorer.row(fmt::format("{} codebook{}", codebooks, codebooks == 1 ? "" : "s"), ids, codebooks));
  return table;
}

}  // namespace timbre::score
