#include "score/score.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "audio/cepstrum.h"
#include "audio/decode.h"
#include "audio/resample.h"
#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "score/espeak_reader.h"
#include "score/prompts.h"

namespace timbre::score {
namespace {

using Clock = std::chrono::steady_clock;

/// One prompt with everything the rows are compared against.
struct Target {
  const corpus::Utterance* utterance;
  std::string sentence;   ///< of the recogniser's grammar; "" where it has none for this prompt
  voice::SayOptions say;  ///< as whom, in which language
  audio::Clip recording;  ///< at the voice's rate
  std::vector<float> mel_FM;
  std::int64_t phones = 0;  ///< spoken ones, pauses left out
};

/// What a row makes of a target.
using Make = std::function<audio::Clip(const Target&)>;

std::vector<std::string> heldout_ids(const voice::Voice& voice, const ScoreOptions& options) {
  if (!options.ids.empty()) return options.ids;
  const auto provenance = voice.about().value("provenance", nlohmann::json::object());
  auto ids = provenance.value("test_ids", std::vector<std::string>());
  if (ids.empty()) {
    throw UsageError(fmt::format("the voice '{}' names no held-out prompts", voice.name()),
                     "train with --split.test-list FILE (timbre heldout makes one), or name prompts: --ids a,b,c");
  }
  return ids;
}

class Scorer {
 public:
  Scorer(const voice::Voice& voice, const roles::Registry& registry, const corpus::Corpus& corpus,
         const ScoreOptions& options, const EventSink& events)
      : speaker_(voice, registry),
        corpus_(corpus),
        options_(options),
        events_(events),
        mel_maker_(speaker_.synthesizer().mel()) {
    const auto prompts = closed_grammar(corpus, recognizer_, options.min_words);
    std::vector<std::string> sentences;
    sentences.reserve(prompts.size());
    for (const auto& p : prompts) sentences.push_back(p.sentence);
    if (!sentences.empty()) recognizer_.set_sentences(sentences);
    grammar_ = static_cast<std::int64_t>(prompts.size());
    std::map<std::string, std::string> sentence_of;
    for (const auto& p : prompts) sentence_of[p.id] = p.sentence;
    for (const auto& id : heldout_ids(voice, options)) add_target(id, sentence_of);
  }

  Row row(const std::string& name, const Make& make, bool synthesised) {
    Row row{.name = name, .clips = {}};
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      const auto start = Clock::now();
      const audio::Clip audio = make(targets_[i]);
      if (synthesised) row.synthesis_s += std::chrono::duration<double>(Clock::now() - start).count();
      row.clips.push_back(measure(name, targets_[i], audio));
      emit_progress(events_, "score " + name, static_cast<double>(i + 1), static_cast<double>(targets_.size()),
                    "prompts");
    }
    return row;
  }

  Row recordings() {
    return row(
        "recordings", [](const Target& t) { return t.recording; }, false);
  }
  Row vocoded() {
    return row(
        "recordings, vocoded",
        [this](const Target& t) {
          const auto frames = static_cast<std::int64_t>(t.mel_FM.size()) / speaker_.synthesizer().mel().mels;
          return clip_of(speaker_.vocode(t.mel_FM, frames));
        },
        true);
  }
  Row espeak() {
    return row(
        "espeak-ng",
        [this](const Target& t) {
          const std::string reader = speaker_.reader(t.say).name();
          return read_with_espeak(t.utterance->text, reader.starts_with("espeak:") ? reader.substr(7) : "en-us");
        },
        true);
  }
  Row spoken(const std::string& name) {
    return row(
        name,
        [this](const Target& t) {
          std::vector<voice::SpokenPiece> pieces;
          speaker_.say(t.utterance->text, t.say, [&](voice::SpokenPiece&& p) { pieces.push_back(std::move(p)); });
          return clip_of(voice::join_pieces(std::move(pieces)).wave_N);
        },
        true);
  }
  std::int64_t grammar() const { return grammar_; }

 private:
  audio::Clip clip_of(std::vector<float> wave_N) const {
    audio::Clip clip;
    clip.rate_hz = speaker_.rate_hz();
    clip.samples_N = std::move(wave_N);
    return clip;
  }

  void add_target(const std::string& id, const std::map<std::string, std::string>& sentence_of) {
    const auto at = corpus_.find(id);
    if (at < 0)
      throw DataError(fmt::format("the held-out prompt '{}' is not in the corpus {}", id, corpus_.dir().string()));
    const auto sentence = sentence_of.find(id);
    Target target{.utterance = &corpus_.utterances()[static_cast<std::size_t>(at)],
                  .sentence = sentence == sentence_of.end() ? "" : sentence->second,
                  .say = {},
                  .recording = {},
                  .mel_FM = {}};
    target.say.seed = options_.seed;
    const auto& speakers = speaker_.synthesizer().speakers();
    if (std::find(speakers.begin(), speakers.end(), target.utterance->speaker) != speakers.end())
      target.say.speaker = target.utterance->speaker;
    // A voice of one language takes every text as its own; one of several has to know whose it is.
    if (speaker_.front_end().readers().size() > 1) target.say.language = target.utterance->language;
    target.recording = audio::decode_audio(corpus_.audio_path(*target.utterance), speaker_.rate_hz());
    target.mel_FM = mel_maker_(target.recording.samples_N).values_FM;
    const auto phonemized = speaker_.reader(target.say).phonemize(target.utterance->text);
    target.phones =
        std::count_if(phonemized.word_of_phone.begin(), phonemized.word_of_phone.end(), [](auto w) { return w >= 0; });
    targets_.push_back(std::move(target));
  }

  Clip measure(const std::string& row, const Target& target, const audio::Clip& made) {
    const std::int64_t rate_hz = speaker_.rate_hz();
    const auto wave_N =
        made.rate_hz == rate_hz ? made.samples_N : audio::resample(made.samples_N, made.rate_hz, rate_hz);
    const auto heard_N =
        rate_hz == Recognizer::kRateHz ? wave_N : audio::resample(wave_N, rate_hz, Recognizer::kRateHz);
    Clip clip{.id = target.utterance->id, .text = target.utterance->text, .sentence = target.sentence};
    if (!target.sentence.empty()) {
      clip.heard = recognizer_.recognize(heard_N);
      clip.understood = clip.heard == target.sentence;
    }
    const auto mel = mel_maker_(wave_N);
    clip.mcd_db = audio::mel_cepstral_distortion(target.mel_FM, mel.values_FM, mel.bins).db;
    clip.rate = speaking_rate(wave_N, rate_hz, target.phones);
    const auto pitch = pitch_range(wave_N, rate_hz);
    clip.pitch_median_hz = pitch.median_hz;
    clip.pitch_range_semitones = pitch.range_semitones;
    clip.duration_s = static_cast<double>(wave_N.size()) / static_cast<double>(rate_hz);
    if (!options_.keep.empty()) clip.file = keep_clip(options_.keep, row, clip.id, wave_N, rate_hz);
    return clip;
  }

  voice::Speaker speaker_;
  const corpus::Corpus& corpus_;
  const ScoreOptions& options_;
  const EventSink& events_;
  Recognizer recognizer_;
  audio::MelMaker mel_maker_;
  std::int64_t grammar_ = 0;
  std::vector<Target> targets_;
};

/// The mean of one measure over a row.
Mean mean_over(const Row& row, double Clip::*measure) {
  std::vector<double> values;
  for (const auto& clip : row.clips) values.push_back(clip.*measure);
  return mean_of(values);
}

}  // namespace

config::Fields fields(ScoreOptions& o) {
  config::Fields f;
  f.add("ids", o.ids, "prompts to score; default: the ones the voice was not trained on").metavar("ID,ID");
  f.add("vocoded", o.vocoded, "also the recordings through the voice's vocoder");
  f.add("espeak", o.espeak, "also espeak-ng reading the same prompts");
  f.add("keep", o.keep, "folder that gets every clip as WAV").metavar("DIR");
  f.add("min_words", o.min_words, "shortest sentence of the recogniser's grammar").range(1, 20);
  f.add("seed", o.seed, "seed of whatever is random in the voice");
  f.add("speed", o.speed, "of voices with speed tokens (Llasa): say every prompt so")
      .choices({"slow", "medium", "fast"});
  return f;
}

std::int64_t Row::understood() const {
  return std::count_if(clips.begin(), clips.end(), [](const Clip& c) { return c.understood; });
}

std::int64_t Row::asked() const {
  return std::count_if(clips.begin(), clips.end(), [](const Clip& c) { return !c.sentence.empty(); });
}

double Row::real_time_factor() const {
  double seconds = 0;
  for (const auto& clip : clips) seconds += clip.duration_s;
  return seconds > 0 ? synthesis_s / seconds : 0;
}

ScoreTable score_voice(const voice::Voice& voice, const roles::Registry& registry, const corpus::Corpus& corpus,
                       const ScoreOptions& options, const EventSink& events) {
  Scorer scorer(voice, registry, corpus, options, events);
  ScoreTable table{.voice = voice.name(), .corpus = corpus.name(), .grammar = scorer.grammar()};
  table.rows.push_back(scorer.recordings());
  if (options.vocoded) table.rows.push_back(scorer.vocoded());
  if (options.espeak) table.rows.push_back(scorer.espeak());
  table.rows.push_back(scorer.spoken(voice.name()));
  return table;
}

std::string keep_clip(const fs::path& keep, std::string row, const std::string& id, std::span<const float> wave_N,
                      std::int64_t rate_hz) {
  for (char& c : row) c = (c == ' ' || c == ',' || c == '/') ? '-' : c;
  make_folders(keep / row);
  const std::string file = row + "/" + id + ".wav";
  audio::write_audio(keep / file, wave_N, rate_hz);
  return file;
}

nlohmann::json to_json(const ScoreTable& table) {
  auto rows = nlohmann::json::array();
  for (const auto& row : table.rows) {
    const std::int64_t n = row.asked();
    const auto interval = wilson_interval(row.understood(), n);
    auto clips = nlohmann::json::array();
    for (const auto& c : row.clips) {
      clips.push_back({{"id", c.id},
                       {"text", c.text},
                       {"sentence", c.sentence},
                       {"heard", c.heard},
                       {"understood", c.understood},
                       {"mcd_db", c.mcd_db},
                       {"phones_per_s", c.rate},
                       {"pitch_median_hz", c.pitch_median_hz},
                       {"pitch_range_semitones", c.pitch_range_semitones},
                       {"duration_s", c.duration_s},
                       {"file", c.file}});
    }
    const auto mcd = mean_over(row, &Clip::mcd_db);
    const double rate = mean_over(row, &Clip::rate).value;  // 0: not measured
    rows.push_back({{"name", row.name},
                    {"understood", row.understood()},
                    {"prompts", n},
                    {"clips_measured", row.clips.size()},
                    {"share_95", {interval.low, interval.high}},
                    {"mcd_db", mcd.value},
                    {"mcd_db_95", mcd.half_width},
                    {"phones_per_s", rate > 0 ? nlohmann::json(rate) : nlohmann::json()},
                    {"pitch_median_hz", mean_over(row, &Clip::pitch_median_hz).value},
                    {"pitch_range_semitones", mean_over(row, &Clip::pitch_range_semitones).value},
                    {"real_time_factor", row.real_time_factor()},
                    {"clips", clips}});
  }
  return {{"voice", table.voice}, {"corpus", table.corpus}, {"grammar_sentences", table.grammar}, {"rows", rows}};
}

std::string to_text(const ScoreTable& table) {
  std::size_t width = 22;
  for (const auto& row : table.rows) width = std::max(width, row.name.size());
  std::string out = fmt::format("{:<{}} {:>10} {:>13} {:>13} {:>9} {:>9} {:>10} {:>6}\n", "", width, "understood",
                                "95 % interval", "MCD dB", "phones/s", "pitch Hz", "range st", "RTF");
  for (const auto& row : table.rows) {
    const std::int64_t n = row.asked();
    const auto interval = wilson_interval(row.understood(), n);
    const auto mcd = mean_over(row, &Clip::mcd_db);
    const double rate = mean_over(row, &Clip::rate).value;
    out += fmt::format("{:<{}} {:>10} {:>13} {:>13} {:>9} {:>9.0f} {:>10.1f} {:>6}\n", row.name, width,
                       n == 0 ? "-" : fmt::format("{}/{}", row.understood(), n),
                       n == 0 ? "-" : fmt::format("{:.0f}-{:.0f} %", interval.low * 100, interval.high * 100),
                       row.name == "recordings" ? "0" : fmt::format("{:.2f} ± {:.2f}", mcd.value, mcd.half_width),
                       rate > 0 ? fmt::format("{:.1f}", rate) : "-", mean_over(row, &Clip::pitch_median_hz).value,
                       mean_over(row, &Clip::pitch_range_semitones).value,
                       row.synthesis_s > 0 ? fmt::format("{:.3f}", row.real_time_factor()) : "-");
  }
  const std::size_t clips = table.rows.empty() ? 0 : table.rows.front().clips.size();
  const auto asked = table.rows.empty() ? 0 : static_cast<std::size_t>(table.rows.front().asked());
  if (asked > 0)
    out +=
        fmt::format("Understood: exact match by a recogniser with a closed grammar of {} sentences.\n", table.grammar);
  if (asked < clips)
    out += fmt::format("{} of {} prompts were measured without it: it hears English in letters alone.\n", clips - asked,
                       clips);
  return out;
}

}  // namespace timbre::score
