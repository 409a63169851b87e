#include "voice/code_speaker.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "text/phonemes.h"
#include "voice/silence.h"

namespace timbre::voice {
namespace {

constexpr double kShortestShare = 0.3, kLongestShare = 2.5, kLongestSilence_s = 1.5;  // unless told otherwise
constexpr double kShortText_s = 0.2;  // of one word may be so much shorter still
constexpr double kMostSilence = 0.7;  // of an utterance
constexpr const char* kGivePrompt = "--prompt RECORDING --prompt-text \"what is said in it\"";

/// The first `books` codebooks of each frame.
std::vector<std::int32_t> first_codebooks(const std::vector<std::int32_t>& codes_FQ, std::int64_t from,
                                          std::int64_t books) {
  if (from == books) return codes_FQ;
  std::vector<std::int32_t> out;
  for (std::size_t i = 0; i < codes_FQ.size(); ++i)
    if (static_cast<std::int64_t>(i) % from < books) out.push_back(codes_FQ[i]);
  return out;
}

void expect_codec(const roles::CodeSynthesizer& synthesizer, const roles::Codec& codec) {
  if (codec.codebook_size() == synthesizer.codebook_size() && codec.codebooks() >= synthesizer.codebooks()) return;
  throw UsageError(
      fmt::format("the codec {} has {} codebooks of {} codes; {} speaks in {} of {}", codec.name(), codec.codebooks(),
                  codec.codebook_size(), synthesizer.name(), synthesizer.codebooks(), synthesizer.codebook_size()),
      "--codec FOLDER: the codec that the voice was trained on");
}

/// What became of every try.
const char* complaint(roles::Ending ending) {
  switch (ending) {
    case roles::Ending::loop:
      return "got into a loop in every try: it is cut where that began";
    case roles::Ending::cut_short:
      return "came out too short for its text in every try";
    case roles::Ending::silence:
      return "came out with long silence in every try";
    default:
      return "did not end in any try: it is cut off";
  }
}

}  // namespace

config::Fields fields(CodeSayOptions& o) {
  config::Fields f;
  f.add("top_k", o.top_k,
        "draw among the so many likeliest codes; 0 or less = all, 1 = always the likeliest; VALL-E: all, Llasa: 50")
      .range(-1e6, 1e6);
  f.add("top_p", o.top_p, "draw among the likeliest codes that have this probability together; 1 = all").range(1e-6, 1);
  f.add("temperature", o.temperature, "below 1 plainer speech, above 1 livelier; VALL-E: 1, Llasa: 0.9")
      .range(0.01, 100);
  f.add("repetition_window", o.repetition_window,
        "VALL-E: draw a code anew, from all, when it fills much of the last so many; 0 = off, 10 is usual")
      .range(0, 10000);
  f.add("repetition_share", o.repetition_share, "how much of that window is too much").range(0.001, 1);
  f.add("long", o.long_text,
        "prompt of the second sentence and on: fixed, the same; sliding, the sentence before. whole: no sentences, the "
        "text in one go")
      .choices({"fixed", "sliding", "whole"});
  f.add("retries", o.retries, "further tries for a sentence that ended at once, ran on or got into a loop")
      .range(0, 1000);
  f.add("loop_s", o.loop_s, "so many seconds of repeating codes are a loop; 0 = never").range(0, 60);
  f.add("longest_s", o.longest_s, "no sentence is longer, in seconds; 0 = VALL-E: 16 frames a token").range(0, 600);
  f.add("best_of", o.best_of,
        "draw each sentence so many times and keep the likeliest (Llasa: the one nearest to the length its text should "
        "have); VALL-E X's makers take 5; costs as many times as much")
      .range(1, 1000);
  f.add("length_penalty", o.length_penalty,
        "of --best-of: log-probability over length to this power; 0 likes short ones, above 1 long ones")
      .range(-10, 10);
  f.add("accent", o.accent,
        "speak as somebody of this language would, whatever the text's (VALL-E X: en, zh, ja); the text is read in its "
        "own")
      .metavar("LANGUAGE");
  f.add("repetition_penalty", o.repetition_penalty,
        "Llasa: codes said before, the prompt's too, become unlikelier; 1 = off, 1.1 is usual")
      .range(0.01, 100);
  f.add("no_repeat_ngram", o.no_repeat_ngram, "Llasa: no run of so many codes is said twice; 0 = off").range(0, 1000);
  f.add("min_p", o.min_p, "Llasa: draw among codes that have this share of the likeliest's probability; 0 = off")
      .range(0, 1);
  f.add("prompt_mask", o.prompt_mask,
        "Llasa: which of the prompt's tokens are seen: training, as the rows were; card, all, as the model cards call "
        "it; script, as the speed fork's script does; default: as the voice says, else training")
      .choices({"", "training", "card", "script"});
  f.add("shortest_share", o.shortest_share,
        "Llasa: a sentence that takes less than this share of the time its text should take is tried again; 0 = never; "
        "0.4 unless told")
      .range(0, 1);
  f.add("longest_share", o.longest_share,
        "Llasa: one that takes more than so many times that is cut and tried again; 0 = never; 2.5 unless told")
      .range(0, 100);
  f.add("silence_s", o.silence_s,
        "Llasa: a sentence with so many seconds of silence in it is tried again; 0 = never; 1.5 unless told")
      .range(0, 60);
  return f;
}

CodeSpeaker::CodeSpeaker(Parts parts, std::unique_ptr<TextReader> texts, const CodeSayOptions& options)
    : parts_(std::move(parts)), texts_(std::move(texts)), options_(options) {
  expect_codec(*parts_.synthesizer, *parts_.codec);
  if (parts_.codec->channels() != 1)
    throw UsageError(fmt::format("the codec {} has {} channels; voices speak in one", parts_.codec->name(),
                                 parts_.codec->channels()));
  if (parts_.vocoder) parts_.vocoder->expect(*parts_.codec);
  if (texts_->front_end() && (options_.shortest_share || options_.longest_share || options_.silence_s))
    throw UsageError(fmt::format("nobody knows how long '{}' should speak: --shortest-share, --longest-share and "
                                 "--silence-s are for voices with a tokenizer (Llasa)",
                                 parts_.name),
                     "--longest-s");
  if (options_.accent.empty()) return;
  if (texts_->languages().empty())
    throw UsageError(fmt::format("'{}' knows nothing of languages: --accent is for voices of VALL-E X", parts_.name),
                     "leave --accent out");
  accent_ = texts_->language_row(options_.accent);
}

CodeText CodeSpeaker::tokens_of_prompt(const CodePrompt& prompt, std::vector<std::string>* warnings) {
  if (!prompt.text.empty()) {
    // A text of several languages marks them itself.
    TextReader::Read read =
        texts_->read({.text = prompt.text}, prompt.languages.size() == 1 ? prompt.languages.front() : "");
    if (warnings) *warnings = std::move(read.warnings);
    return std::move(read.tokens);
  }
  CodeText tokens{prompt.tokens_S, {}};
  if (!texts_->languages().empty() && !prompt.tokens_S.empty()) {
    if (prompt.languages.size() != 1 && prompt.languages.size() != prompt.tokens_S.size())
      throw DataError("the prompt does not say its language, and the voice speaks several", "--prompt-language en");
    for (std::size_t s = 0; s < prompt.tokens_S.size(); ++s)
      tokens.languages_S.push_back(texts_->language_row(prompt.languages[prompt.languages.size() == 1 ? 0 : s]));
  }
  return tokens;
}

void CodeSpeaker::set_prompt(CodePrompt prompt) {
  const roles::CodeSynthesizer& synthesizer = *parts_.synthesizer;
  if (!prompt.codec.empty() && prompt.codec != parts_.codec->name())
    throw UsageError(fmt::format("the prompt's codes are {}'s; '{}' speaks in {}'s", prompt.codec, parts_.name,
                                 parts_.codec->name()),
                     kGivePrompt);
  if (prompt.codebooks < synthesizer.codebooks())
    throw UsageError(fmt::format("the prompt has {} codebooks; '{}' needs {}", prompt.codebooks, parts_.name,
                                 synthesizer.codebooks()),
                     kGivePrompt);
  prompt.codes_FQ = first_codebooks(prompt.codes_FQ, prompt.codebooks, synthesizer.codebooks());
  prompt.codebooks = synthesizer.codebooks();
  if (prompt.frames == 0) throw DataError("the prompt is empty: it has no frame", kGivePrompt);
  const std::int64_t most = synthesizer.most_prompt_frames();
  if (prompt.frames > most)
    throw UsageError(
        fmt::format("the prompt is {:.1f} s long; '{}' takes {:.1f} s at most",
                    static_cast<double>(prompt.frames) * frame_s(), parts_.name, static_cast<double>(most) * frame_s()),
        "cut it: a few seconds of clear speech are best");
  if (trim(prompt.text).empty() && (texts_->reads_together() || prompt.tokens_S.empty()))
    throw UsageError(fmt::format("'{}' needs to know what is said in the prompt", parts_.name), kGivePrompt);
  prompt_ = std::move(prompt);
  std::vector<std::string> warnings;
  tokens_of_prompt(prompt_, &warnings);  // a text it cannot read is said before anything is made
  for (const std::string& warning : warnings) log::warn("the prompt's text: " + warning);
}

CodePrompt CodeSpeaker::make_prompt(std::span<const float> wave_CN, const std::string& text,
                                    const std::string& language) {
  const std::int64_t books = parts_.synthesizer->codebooks();
  CodePrompt prompt;
  prompt.text = trim(text);
  prompt.codec = parts_.codec->name();
  prompt.codebooks = books;
  const roles::Codes codes = parts_.codec->encode(wave_CN, books);
  for (const auto& segment : codes.segments) {
    prompt.codes_FQ.insert(prompt.codes_FQ.end(), segment.codes_FQ.begin(), segment.codes_FQ.end());
    prompt.frames += segment.frames;
  }
  if (!language.empty()) prompt.languages = {language};
  if (prompt.text.empty()) return prompt;
  const TextReader::Read read = texts_->read({.text = prompt.text}, language);
  if (!read.speaks) throw UsageError("the prompt's text has nothing in it that can be said", kGivePrompt);
  prompt.tokens_S = read.tokens.tokens_S;
  if (!texts_->languages().empty() && language.empty()) {
    prompt.languages.clear();
    for (const std::int64_t row : read.tokens.languages_S)
      prompt.languages.push_back(texts_->languages()[static_cast<std::size_t>(row)]);
    if (std::adjacent_find(prompt.languages.begin(), prompt.languages.end(), std::not_equal_to<>()) ==
        prompt.languages.end())
      prompt.languages.resize(1);
  }
  return prompt;
}

roles::CodeSampling CodeSpeaker::sampling_of(const SayOptions& options) const {
  const auto frames = [this](double seconds) {  // 0 means something else than the shortest time
    return seconds > 0 ? std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds / frame_s() + 0.5)) : 0;
  };
  roles::CodeSampling out = parts_.synthesizer->usual_sampling();
  if (options_.top_k) out.top_k = std::max<std::int64_t>(0, *options_.top_k);
  out.top_p = options_.top_p.value_or(out.top_p);
  out.temperature = options_.temperature.value_or(out.temperature);
  out.seed = static_cast<std::uint64_t>(options.seed);
  out.frames = frames(options_.longest_s);
  out.repetition_window = options_.repetition_window;
  out.repetition_share = options_.repetition_share;
  out.loop_frames = frames(options_.loop_s);
  out.best_of = options_.best_of;
  out.length_penalty = options_.length_penalty;
  out.repetition_penalty = options_.repetition_penalty;
  out.no_repeat_ngram = options_.no_repeat_ngram;
  out.min_p = options_.min_p;
  out.prompt_mask = options_.prompt_mask;
  return out;
}

roles::CodeSampling CodeSpeaker::sampling_of(const text::SpeechPiece& part, const CodeSentences& sentences,
                                             roles::CodeSampling sampling) const {
  const double expected = texts_->expected_frames(part, before_.text, sentences.prompt().frames);
  sampling.expected_frames = expected;
  if (expected <= 0) return sampling;
  const double second = 1 / frame_s();
  const double shortest = options_.shortest_share.value_or(kShortestShare);
  const double longest = options_.longest_share.value_or(kLongestShare);
  if (shortest > 0)  // the end is not even listened to before half of that
    sampling.least_frames = std::max<std::int64_t>(1, static_cast<std::int64_t>(expected * shortest / 2));
  if (longest > 0 && sampling.frames == 0)
    sampling.frames = static_cast<std::int64_t>(std::ceil(expected * longest + second));
  return sampling;
}

roles::Ending CodeSpeaker::judged(const roles::CodeUtterance& made) {
  if (expected_frames_ <= 0) return made.ending;
  if (static_cast<double>(made.frames) <
      options_.shortest_share.value_or(kShortestShare) * expected_frames_ - kShortText_s / frame_s())
    return roles::Ending::cut_short;
  const double most_s = options_.silence_s.value_or(kLongestSilence_s);
  if (most_s <= 0) return made.ending;
  heard_N_ = decoded(made);
  heard_FQ_ = made.codes_FQ;
  const Silence silence = silence_in(heard_N_, rate_hz());
  const bool mute = silence.longest_s >= most_s || silence.share > kMostSilence;
  return mute ? roles::Ending::silence : made.ending;
}

std::vector<float> CodeSpeaker::decoded(const roles::CodeUtterance& made) {
  const std::int64_t books = parts_.synthesizer->codebooks();
  const roles::Codes codes{.codebooks = books,
                           .samples = made.frames * parts_.codec->hop_samples(),
                           .segments = {{.codes_FQ = made.codes_FQ, .frames = made.frames, .scale = 1}}};
  return parts_.vocoder ? parts_.vocoder->decode(codes, *parts_.codec) : parts_.codec->decode(codes);
}

std::vector<float> CodeSpeaker::sound(const roles::CodeUtterance& made, const Hear& hear) {
  const std::int64_t books = parts_.synthesizer->codebooks(), hop = parts_.codec->hop_samples();
  if (!heard_FQ_.empty() && heard_FQ_ == made.codes_FQ) {
    heard_FQ_.clear();
    if (!hear) return std::move(heard_N_);
    hear(heard_N_);
    return {};
  }
  const auto stream = hear && !parts_.vocoder ? parts_.codec->decode_stream(books) : nullptr;
  if (stream) {
    // The first stretch soon, the next ones longer.
    std::size_t at = 0, samples = 0;
    const auto most = static_cast<std::size_t>(made.frames * hop);
    const auto give = [&](std::vector<float> wave_N) {
      wave_N.resize(std::min(wave_N.size(), most - samples));
      samples += wave_N.size();
      if (!wave_N.empty()) hear(wave_N);
    };
    for (std::size_t piece = 16; at < static_cast<std::size_t>(made.frames);
         piece = std::min<std::size_t>(2 * piece, 512)) {
      const std::size_t frames = std::min(piece, static_cast<std::size_t>(made.frames) - at);
      give(stream->push(std::span(made.codes_FQ)
                            .subspan(at * static_cast<std::size_t>(books), frames * static_cast<std::size_t>(books))));
      at += frames;
    }
    give(stream->finish());
    return {};
  }
  std::vector<float> wave_N = decoded(made);
  if (!hear) return wave_N;
  hear(wave_N);
  return {};
}

bool CodeSpeaker::speak(const text::SpeechPiece& part, const std::string& language, roles::CodeSampling& sampling,
                        CodeSentences& sentences, SpokenPiece& piece, const Hear& hear) {
  if (part.text.empty()) return false;
  TextReader::Read read = texts_->read(part, language);
  if (accent_) read.tokens.languages_S.assign(read.tokens.tokens_S.size(), *accent_);
  piece.warnings = read.warnings;
  piece.guessed = read.guessed;
  if (!read.speaks) return false;
  if (!part.speeds.empty() && part.speeds.front().begin == 0 && sentences.prompt().frames == 0)
    piece.warnings.emplace_back(
        "a speed with nothing before it: the voice was taught to change from one speed to another; --prompt RECORDING "
        "is what it changes from");
  roles::CodeUtterance made;
  const roles::CodeSampling now = sampling_of(part, sentences, sampling);
  expected_frames_ = now.expected_frames;
  sentences.let_prompt(texts_->can_prompt(part));
  if (texts_->reads_together() && sentences.prompt().frames > 0) {
    const TextReader::Joined whole = texts_->read_together(before_, part, language);
    made = sentences.say_read_together(whole.tokens, whole.prompt_tokens, now);
  } else {
    made = sentences.say(read.tokens, now);
  }
  if (sentences.took_last()) before_ = part;
  ++sampling.seed;  // no two sentences are drawn alike
  piece.frames = made.frames;
  piece.end_s = piece.start_s + static_cast<double>(made.frames) * frame_s();
  if (made.ending != roles::Ending::end_token)
    piece.warnings.push_back(fmt::format("\"{}\" {}", part.text.substr(0, 60), complaint(made.ending)));
  piece.wave_N = sound(made, hear);
  return true;
}

/// From the prompt on.
CodeSentences CodeSpeaker::begin() {
  const bool prompted = prompt_.frames > 0;
  if (!prompted && !parts_.synthesizer->speaks_without_prompt())
    throw UsageError(fmt::format("'{}' speaks only on from a recording", parts_.name), kGivePrompt);
  CodeContext first;
  if (prompted) first = {tokens_of_prompt(prompt_), prompt_.codes_FQ, prompt_.frames};
  before_ = {.text = prompt_.text};
  return {*parts_.synthesizer,
          std::move(first),
          {.sliding = options_.long_text == "sliding" || !prompted,
           .tries = options_.retries + 1,
           .becomes_prompt = {},
           .judge = [this](const roles::CodeUtterance& made) { return judged(made); }}};
}

void CodeSpeaker::utter(const std::string& text, const SayOptions& options, SpokenPiece& piece) {
  CodeSentences sentences = begin();
  roles::CodeSampling sampling = sampling_of(options);
  piece.text = text;
  const text::SpeechPiece part{.text = text};
  const bool spoke = speak(part, options.language, sampling, sentences, piece, {});
  counts_ += sentences.counts();
  if (!spoke) throw UsageError("there is nothing to say: no letter or digit that can be spoken");
}

void CodeSpeaker::run(const std::string& text, const SayOptions& options, const Hear& hear,
                      const std::function<void(SpokenPiece&&)>& each) {
  const bool has_speeds = !texts_->front_end();
  if ((options.speed != "medium" && !has_speeds) || options.pitch != 1 || options.energy != 1 ||
      !options.speaker.empty() || !options.speaker_vector.empty())
    throw UsageError(fmt::format("'{}' speaks as its prompt does: {}--pitch, --energy, --speaker are not for it",
                                 parts_.name, has_speeds ? "" : "--speed, "),
                     kGivePrompt);
  const auto plan = texts_->plan(text, {.language = options.language,
                                        .speed = options.speed,
                                        .tags = options.tags,
                                        .whole = options_.long_text == "whole"});
  CodeSentences sentences = begin();
  roles::CodeSampling sampling = sampling_of(options);
  const std::string language = options.language;
  say_pieces(
      plan, options, rate_hz(),
      [&](const text::SpeechPiece& part, SpokenPiece& piece) {
        return speak(part, language, sampling, sentences, piece, hear);
      },
      hear, each);
  counts_ += sentences.counts();
}

void CodeSpeaker::say(const std::string& text, const SayOptions& options,
                      const std::function<void(SpokenPiece&&)>& each) {
  run(text, options, {}, each);
}

void CodeSpeaker::stream(const std::string& text, const SayOptions& options, const Hear& hear,
                         const std::function<void(SpokenPiece&&)>& each) {
  run(text, options, hear, each);
}

std::vector<float> CodeSpeaker::revoice() {
  if (prompt_.frames == 0) throw UsageError("--continual says a recording again: there is none", kGivePrompt);
  const CodeText tokens = tokens_of_prompt(prompt_);
  return sound(parts_.synthesizer->revoice({.tokens_S = tokens.tokens_S,
                                            .prompt_tokens = 0,
                                            .languages_S = tokens.languages_S,
                                            .prompt_FQ = prompt_.codes_FQ,
                                            .prompt_frames = prompt_.frames,
                                            .sampling = {}}),
               {});
}

std::string CodeSpeaker::guesser() {
  const text::FrontEnd* reader = texts_->front_end();
  return reader ? reader->guesser() : "";
}

bool CodeSpeaker::asks_for_language() const {
  text::FrontEnd* reader = texts_->front_end();
  return !languages().empty() || (reader && reader->readers().size() > 1);
}

nlohmann::json CodeSpeaker::told() const {
  nlohmann::json endings = {{"sentences", counts_.utterances}, {"retried", counts_.retried},
                            {"immediate", counts_.immediate},  {"loop", counts_.loop},
                            {"limit", counts_.limit},          {"given_up", counts_.given_up}};
  if (!texts_->front_end()) {
    endings["short"] = counts_.cut_short;
    endings["silence"] = counts_.silence;
  }
  return {{"endings", std::move(endings)}};
}

}  // namespace timbre::voice
