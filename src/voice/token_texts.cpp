#include "voice/token_texts.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::voice {
namespace {

using text::SpeechPiece, text::SpeedSpan;
using tokenizer::Speed;

constexpr double kAnybodysLetters_s = 14;  // English read aloud: 4.5 syllables of 3 letters a second
constexpr double kPriorLetters = 30;       // a recording of so many letters counts as much as what is known without it
constexpr double kOddestPace = 2;          // and is believed up to so many times that

Speed speed_of(const std::string& name) {
  return name == "slow" ? Speed::slow : name == "fast" ? Speed::fast : Speed::medium;
}

/// A stretch of one speed; "" = that of what stands before.
struct Stretch {
  std::size_t begin = 0, end = 0;
  std::string speed;
};

/// The whole piece in stretches, blanks at their ends left out; none is empty.
std::vector<Stretch> stretches(const SpeechPiece& piece) {
  std::vector<Stretch> out;
  const auto add = [&](std::size_t begin, std::size_t end, const std::string& speed) {
    while (begin < end && static_cast<unsigned char>(piece.text[begin]) <= ' ') ++begin;
    while (begin < end && static_cast<unsigned char>(piece.text[end - 1]) <= ' ') --end;
    if (begin == end) return;
    // Marks without a word ("there." behind </slow>) stay with the stretch before.
    if (!out.empty() && letters_of(std::string_view(piece.text).substr(begin, end - begin)) == 0)
      out.back().end = end;
    else
      out.push_back({begin, end, speed});
  };
  std::size_t at = 0;
  for (const SpeedSpan& span : piece.speeds) {
    add(at, span.begin, "medium");
    add(span.begin, span.end, span.speed);
    at = span.end;
  }
  add(at, piece.text.size(), "medium");
  for (std::size_t i = out.size(); i-- > 1;)
    if (out[i].speed == out[i - 1].speed) {
      out[i - 1].end = out[i].end;
      out.erase(out.begin() + static_cast<std::ptrdiff_t>(i));
    }
  return out;
}

/// Some stretches of a piece as one of their own.
SpeechPiece part_of(const SpeechPiece& whole, std::span<const Stretch> taken) {
  SpeechPiece part;
  const std::size_t begin = taken.front().begin, end = taken.back().end;
  part.text = whole.text.substr(begin, end - begin);
  for (const text::Spoken& one : whole.spoken)
    if (one.begin >= begin && one.end <= end) part.spoken.push_back({one.begin - begin, one.end - begin, one.phones});
  for (const Stretch& one : taken)
    if (one.speed != "medium" || &one != taken.data())
      part.speeds.push_back({one.begin - begin, one.end - begin, one.speed});
  return part;
}

}  // namespace

TokenTexts::TokenTexts(tokenizer::Tokenizer tokenizer, TokenSpeaking speaking, std::string name, double frames_per_s)
    : tokenizer_(std::move(tokenizer)),
      rows_(tokenizer_),
      speaking_(std::move(speaking)),
      name_(std::move(name)),
      frames_per_s_(frames_per_s) {
  if (speaking_.speeds) return;
  speaking_.speeds.emplace();
  if (rows_.tokens().fast) speaking_.speeds->emplace_back("fast");
  if (rows_.tokens().slow) speaking_.speeds->emplace_back("slow");
}

bool TokenTexts::teaches(const std::string& speed) const {
  return std::find(speaking_.speeds->begin(), speaking_.speeds->end(), speed) != speaking_.speeds->end();
}

void TokenTexts::expect_speed(const std::string& speed) const {
  if (speed != "slow" && speed != "fast" && speed != "medium")
    throw UsageError(
        fmt::format("--speed {}: '{}' speaks slow, medium or fast as it was taught, not at a factor", speed, name_),
        "--speed slow, --speed medium, --speed fast");
  if (speed == "medium") return;  // as the recording before it, or by itself
  if (!teaches(speed))
    throw UsageError(
        fmt::format("'{}' was not taught to speak {}: {}", name_, speed,
                    speaking_.speeds->empty() ? std::string("its training rows had no speed token")
                                              : "its training rows had only " + join(*speaking_.speeds, " and ")),
        "rows with speeds: timbre prepare … --recipe llasa-speed");
  rows_.tokens().id_of_speed(speed_of(speed));
}

std::vector<SpeechPiece> TokenTexts::plan(const std::string& text, const ReadingOptions& options) const {
  expect_speed(options.speed);
  std::vector<SpeechPiece> out;
  const std::string language = options.language.empty() ? "en" : options.language;
  std::vector<SpeechPiece> pieces = options.whole ? text::one_piece(text, options.tags)
                                                  : text::plan_speech(text, {.language = language}, options.tags);
  for (SpeechPiece& piece : pieces) {
    for (const SpeedSpan& span : piece.speeds) expect_speed(span.speed);
    if (options.speed != "medium") {  // of all that no tag says otherwise of
      std::vector<SpeedSpan> all;
      std::size_t at = 0;
      for (const SpeedSpan& span : piece.speeds) {
        if (span.begin > at) all.push_back({at, span.begin, options.speed});
        all.push_back(span);
        at = span.end;
      }
      if (at < piece.text.size()) all.push_back({at, piece.text.size(), options.speed});
      piece.speeds = std::move(all);
    }
    const std::vector<Stretch> all = stretches(piece);
    if (all.empty()) {
      out.push_back(std::move(piece));
      continue;
    }
    std::size_t from = 0;
    while (from < all.size()) {
      std::size_t count = all[from].speed == "medium" && from + 1 < all.size() ? 2 : 1;
      SpeechPiece part = part_of(piece, std::span(all).subspan(from, count));
      from += count;
      if (from < all.size()) {
        part.ends_sentence = part.ends_paragraph = false;
      } else {
        part.pause_after_s = piece.pause_after_s;
        part.ends_sentence = piece.ends_sentence;
        part.ends_paragraph = piece.ends_paragraph;
      }
      out.push_back(std::move(part));
    }
  }
  return out;
}

std::string TokenTexts::laid_out(const SpeechPiece& piece) const {
  if (const auto mark = rows_.mark_in(piece.text))
    throw UsageError(fmt::format("'{}' in the text is a token of '{}', not something to say", *mark, name_),
                     "leave it out; slow and fast words: --markup \"… <slow>…</slow> …\"");
  std::string out, now = "medium";
  for (const Stretch& one : stretches(piece)) {
    if (one.speed != now) out += tokenizer::speed_token(speed_of(one.speed));
    now = one.speed;
    out += piece.text.substr(one.begin, one.end - one.begin);
  }
  return out;
}

std::vector<std::int64_t> TokenTexts::ids(std::string_view text) const {
  const std::vector<std::int32_t> made = tokenizer_.encode(text);
  return {made.begin(), made.end()};
}

TextReader::Read TokenTexts::read(const SpeechPiece& piece, const std::string& /*language*/) {
  if (!piece.spoken.empty())
    throw UsageError(fmt::format("'{}' reads letters, not phones: [word](/phones/) is for voices with phones", name_),
                     "write the word as it sounds");
  Read out;
  out.tokens.tokens_S = ids(laid_out(piece));
  out.speaks = letters_of(piece.text) > 0;
  return out;
}

TextReader::Joined TokenTexts::read_together(const SpeechPiece& prompt, const SpeechPiece& piece,
                                             const std::string& language) {
  const std::string before = laid_out(prompt), after = laid_out(piece);
  read(piece, language);
  const bool changes = after.starts_with("<|");  // no text begins so: laid_out() refuses marks
  std::string between = before.empty() || changes ? "" : " ";
  if (!before.empty() && piece.speeds.empty() && teaches("medium")) between = tokenizer::speed_token(Speed::medium);
  Joined out;
  out.tokens.tokens_S = ids(before + between + after);
  out.prompt_tokens = static_cast<std::int64_t>(ids(before).size());
  return out;
}

double TokenTexts::expected_frames(const SpeechPiece& piece, std::string_view prompt_text,
                                   std::int64_t prompt_frames) const {
  const Pace& own = speaking_.pace;
  const double known = own.of({}), anybody = frames_per_s_ / kAnybodysLetters_s;
  double medium = known > 0 ? known : anybody;
  if (const double letters = letters_of(prompt_text); prompt_frames > 0 && letters > 0) {
    const double heard = std::max(0.0, static_cast<double>(prompt_frames) - own.text);
    medium = std::clamp((heard + kPriorLetters * medium) / (letters + kPriorLetters), medium / kOddestPace,
                        medium * kOddestPace);
  }
  double frames = 0;
  for (const Stretch& one : stretches(piece)) {
    const Speed speed = speed_of(one.speed);
    const double share = known > 0 ? own.of(speed) / known : Pace{.medium = 1, .slow = 0, .fast = 0}.of(speed);
    frames +=
        own.text + letters_of(std::string_view(piece.text).substr(one.begin, one.end - one.begin)) * medium * share;
  }
  return frames;
}

std::int64_t TokenTexts::language_row(const std::string& language) const {
  throw UsageError(fmt::format("'{}' has no table of languages: '{}' is nothing to it", name_, language),
                   "leave the language out: it reads what is written");
}

}  // namespace timbre::voice
