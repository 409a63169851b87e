#include "voice/speech.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "text/multilingual_front_end.h"
#include "voice/chunks.h"

namespace timbre::voice {
namespace {

/// Phones and words of the piece on the time axis, from the frames of each phone.
void place_in_time(SpokenPiece& piece, const text::Phonemized& phonemized, const roles::MelUtterance& mel,
                   double frame_s) {
  double at_s = piece.start_s;
  std::int64_t word = -1;
  for (std::size_t p = 0; p < phonemized.phones.size(); ++p) {
    const double end_s = at_s + static_cast<double>(mel.durations_P[p]) * frame_s;
    piece.phones.push_back({phonemized.phones[p], at_s, end_s});
    const std::int64_t owner = phonemized.word_of_phone[p];
    if (owner >= 0 && owner != word)
      piece.words.push_back({phonemized.words[static_cast<std::size_t>(owner)], at_s, end_s});
    if (owner >= 0) {
      piece.words.back().end_s = end_s;
      word = owner;
    }
    at_s = end_s;
  }
}

}  // namespace

config::Fields fields(SayOptions& o) {
  config::Fields f;
  f.add("speed", o.speed, "slow, medium, fast or a factor from 0.25 to 4 (2 = twice as fast)").metavar("SPEED");
  f.add("pitch", o.pitch, "factor on the voice's pitch").range(0.1, 4);
  f.add("energy", o.energy, "factor on the voice's loudness contour").range(0.1, 4);
  f.add("seed", o.seed, "seed of whatever is random").range(0, 9e15);
  f.add("speaker", o.speaker, "speaker of a voice with several; the first when not given").metavar("NAME");
  f.add("language", o.language,
        "language of the text, for voices of several; default: the speaker's own, else the voice's first")
      .metavar("LANGUAGE");
  f.add("sentence_pause_s", o.sentence_pause_s, "silence between sentences, in seconds").range(0, 10);
  f.add("paragraph_pause_s", o.paragraph_pause_s, "silence between paragraphs, in seconds").range(0, 10);
  f.add("accept_text_changes", o.accept_text_changes,
        "speak although this machine's text path reads some probe sentences otherwise than the one the voice was "
        "trained with");
  return f;
}

double speed_factor(const std::string& speed) {
  if (speed == "slow") return 0.8;
  if (speed == "medium" || speed == "normal") return 1;
  if (speed == "fast") return 1.25;
  const auto number = parse_double(speed);
  if (!number || *number < 0.25 || *number > 4) {
    throw UsageError(fmt::format("--speed '{}': expected slow, medium, fast or a factor from 0.25 to 4", speed));
  }
  return *number;
}

void expect_same_reading(const Voice& voice, text::FrontEnd& front_end) {
  if (!voice.same_guesser(front_end))
    throw DataError(fmt::format("'{}' is not read as in training{}", voice.name(), voice.changed_versions(front_end)),
                    "put the g2p folder the voice was trained with back, or accept it: --accept-text-changes");
  const text::TokenPolicy trained = voice.token_policy(), here = front_end.policy();
  if (!(trained == text::TokenPolicy{}) && !(here == text::TokenPolicy{}) && !(trained == here))
    throw DataError(
        fmt::format("the texts of '{}' had other tokens around them in training ({}) than the front end {} puts there "
                    "({})",
                    voice.name(), text::describe(trained), front_end.name(), text::describe(here)),
        "the voice was trained with another front end or another timbre; speak as it was trained: "
        "--accept-text-changes");
  const auto changed = voice.changed_sentences(front_end);
  if (!changed.empty()) {
    throw DataError(
        fmt::format(
            "{} of the probe sentences are read otherwise here than when '{}' was trained{}, for example: \"{}\"",
            changed.size(), voice.name(), voice.changed_versions(front_end), changed.front()),
        "install the library version the voice was trained with, or accept it: --accept-text-changes");
  }
}

Speaker::Speaker(const Voice& voice, const roles::Registry& registry, bool accept_text_changes)
    : voice_(voice),
      front_end_(voice.make_front_end()),
      synthesizer_(registry.make_synthesizer(voice.files())),
      vocoder_(registry.make_vocoder(voice.files())),
      bridge_(synthesizer_->mel(), vocoder_->mel(), "the vocoder " + vocoder_->name()) {
  if (!accept_text_changes) expect_same_reading(voice, *front_end_);
}

text::FrontEnd& Speaker::reader(const SayOptions& options) {
  const auto readers = front_end_->readers();
  if (!options.language.empty()) {
    if (text::FrontEnd* found = text::find_reader(*front_end_, options.language)) return *found;
    std::vector<std::string> languages;
    for (const text::FrontEnd* reader : readers) languages.push_back(reader->language());
    throw UsageError(fmt::format("the voice '{}' does not read the language '{}'", voice_.name(), options.language),
                     fmt::format("it reads {} ({})", join(languages, ", "), front_end_->name()));
  }
  if (readers.size() == 1) return *readers.front();
  const auto& speakers = synthesizer_->speakers();
  std::string speaker = options.speaker;
  if (speaker.empty() && options.speaker_vector.empty() && !speakers.empty()) speaker = speakers.front();
  text::FrontEnd* own = nullptr;
  if (const std::string language = voice_.language_of_speaker(speaker); !language.empty())
    own = text::find_reader(*front_end_, language);
  return own ? *own : *readers.front();
}

void Speaker::fit_to_symbols(text::Phonemized& phonemized) const {
  const auto& symbols = synthesizer_->symbols();
  const std::set<std::string, std::less<>> known(symbols.begin(), symbols.end());
  std::set<std::string> dropped, replaced;
  text::Phonemized fitted;
  fitted.words = phonemized.words;
  fitted.warnings = phonemized.warnings;
  fitted.guessed = phonemized.guessed;
  for (std::size_t p = 0; p < phonemized.phones.size(); ++p) {
    std::string phone = phonemized.phones[p];
    while (!phone.empty() && !known.contains(phone)) phone = front_end_->plainer(phone);
    if (phone.empty()) {
      dropped.insert(phonemized.phones[p]);
      continue;
    }
    if (phone != phonemized.phones[p]) replaced.insert(fmt::format("{} by {}", phonemized.phones[p], phone));
    fitted.phones.push_back(phone);
    fitted.word_of_phone.push_back(phonemized.word_of_phone[p]);
  }
  if (!replaced.empty()) {
    fitted.warnings.push_back("the voice never heard these phones; replaced " +
                              join({replaced.begin(), replaced.end()}, ", "));
  }
  if (!dropped.empty())
    fitted.warnings.push_back("the voice has nothing like these phones; left out " +
                              join({dropped.begin(), dropped.end()}, " "));
  phonemized = std::move(fitted);
}

std::vector<float> Speaker::brought(std::span<const float> mel_FM) const {
  std::vector<float> values(mel_FM.begin(), mel_FM.end());
  bridge_.apply(values);
  return values;
}

std::vector<float> Speaker::vocode(std::span<const float> mel_FM, std::int64_t frames) {
  return vocoder_->synthesize(brought(mel_FM), frames);
}

bool Speaker::speak(const text::SpeechPiece& part, text::FrontEnd& front_end, const roles::Controls& controls,
                    SpokenPiece& piece, const Hear& hear) {
  if (part.text.empty()) return false;
  auto phonemized = front_end.phonemize(part.text, part.spoken);
  fit_to_symbols(phonemized);
  piece.warnings = phonemized.warnings;
  piece.guessed = phonemized.guessed;
  if (std::none_of(phonemized.word_of_phone.begin(), phonemized.word_of_phone.end(), [](auto w) { return w >= 0; }))
    return false;
  auto mel = synthesizer_->synthesize(phonemized.phones, controls);
  const double hop = static_cast<double>(synthesizer_->mel().hop_samples), rate = static_cast<double>(rate_hz());
  place_in_time(piece, phonemized, mel, hop / rate);
  piece.end_s = piece.start_s + static_cast<double>(mel.frames) * hop / rate;
  if (hear) {
    const std::vector<float> mel_FM = brought(mel.mel_FM);
    synthesize_in_chunks(*vocoder_, mel_FM, mel.frames, hear);
  } else {
    piece.wave_N = vocode(mel.mel_FM, mel.frames);
  }
  piece.mel_FM = std::move(mel.mel_FM);
  piece.frames = mel.frames;
  return true;
}

void Speaker::say(const std::string& text, const SayOptions& options, const std::function<void(SpokenPiece&&)>& each) {
  run(text, options, {}, each);
}

void Speaker::stream(const std::string& text, const SayOptions& options, const Hear& hear,
                     const std::function<void(SpokenPiece&&)>& each) {
  run(text, options, hear, each);
}

void Speaker::run(const std::string& text, const SayOptions& options, const Hear& hear,
                  const std::function<void(SpokenPiece&&)>& each) {
  if (options.tags != text::Tags::text)
    throw UsageError(
        fmt::format("'{}' has one speed a sentence: --markup is for voices with speed tokens (Llasa)", voice_.name()),
        "--speed slow, or a factor");
  const roles::Controls controls{.speed = speed_factor(options.speed),
                                 .pitch = options.pitch,
                                 .energy = options.energy,
                                 .seed = static_cast<std::uint64_t>(options.seed),
                                 .speaker = options.speaker,
                                 .speaker_vector = options.speaker_vector};
  text::FrontEnd& front_end = reader(options);
  const std::string language = front_end_->readers().size() == 1 ? voice_.language() : front_end.language();
  say_pieces(
      text::plan_speech(text, {.language = language}), options, rate_hz(),
      [&](const text::SpeechPiece& part, SpokenPiece& piece) { return speak(part, front_end, controls, piece, hear); },
      hear, each);
}

void say_pieces(const std::vector<text::SpeechPiece>& plan, const SayOptions& options, std::int64_t rate_hz,
                const std::function<bool(const text::SpeechPiece&, SpokenPiece&)>& speak,
                const std::function<void(std::span<const float>)>& hear,
                const std::function<void(SpokenPiece&&)>& each) {
  const double rate = static_cast<double>(rate_hz);
  double now_s = 0;
  bool spoke = false;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const auto& part = plan[i];
    SpokenPiece piece{.text = part.text, .start_s = now_s, .end_s = now_s};
    spoke |= speak(part, piece);
    const bool last = i + 1 == plan.size();
    double pause_s = part.pause_after_s;
    if (!last && spoke && pause_s == 0 && part.ends_sentence)
      pause_s = part.ends_paragraph ? options.paragraph_pause_s : options.sentence_pause_s;
    const std::vector<float> silence_N(static_cast<std::size_t>(pause_s * rate), 0.0f);
    now_s = piece.end_s + static_cast<double>(silence_N.size()) / rate;
    if (hear)
      hear(silence_N);
    else
      piece.wave_N.insert(piece.wave_N.end(), silence_N.begin(), silence_N.end());
    each(std::move(piece));
  }
  if (!spoke) {
    throw UsageError("there is nothing to say: no letter or digit that can be spoken",
                     "timbre say \"Hello there.\" --voice VOICE -o hello.wav");
  }
}

SpokenPiece join_pieces(std::vector<SpokenPiece> pieces) {
  SpokenPiece all;
  for (auto& piece : pieces) {
    if (!piece.text.empty()) all.text += (all.text.empty() ? "" : " ") + piece.text;
    all.wave_N.insert(all.wave_N.end(), piece.wave_N.begin(), piece.wave_N.end());
    all.mel_FM.insert(all.mel_FM.end(), piece.mel_FM.begin(), piece.mel_FM.end());
    all.frames += piece.frames;
    all.words.insert(all.words.end(), piece.words.begin(), piece.words.end());
    all.phones.insert(all.phones.end(), piece.phones.begin(), piece.phones.end());
    all.warnings.insert(all.warnings.end(), piece.warnings.begin(), piece.warnings.end());
    all.guessed.insert(all.guessed.end(), piece.guessed.begin(), piece.guessed.end());
    all.end_s = piece.end_s;
  }
  return all;
}

}  // namespace timbre::voice
