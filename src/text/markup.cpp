#include "text/markup.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::text {
namespace {

constexpr double kLongestPause_s = 60;

// "line 2, column 5" of a byte, both from 1; columns count code points.
std::string place(std::string_view text, std::size_t at) {
  std::size_t line = 1, column = 1;
  for (char c : text.substr(0, at)) {
    if (c == '\n') {
      ++line;
      column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++column;
    }
  }
  return fmt::format("line {}, column {}", line, column);
}

// Seconds of "1.5s" or "300ms"; throws naming the place.
double pause_seconds(std::string_view amount, std::string_view text, std::size_t at) {
  std::string_view number = trim(amount);
  double unit_s = 0;
  if (number.ends_with("ms"))
    unit_s = 0.001, number.remove_suffix(2);
  else if (number.ends_with("s"))
    unit_s = 1, number.remove_suffix(1);
  number = trim(number);
  bool digits = !number.empty() && number.find_first_not_of("0123456789.") == number.npos;
  auto value = digits ? parse_double(number) : std::nullopt;
  if (unit_s == 0 || !value)
    throw UsageError(fmt::format("{}: '[pause:{}]' has no length", place(text, at), amount),
                     "write [pause:1.5s] or [pause:300ms]");
  double seconds = *value * unit_s;
  if (seconds > kLongestPause_s)
    throw UsageError(fmt::format("{}: a pause of {:g} s is too long", place(text, at), seconds),
                     fmt::format("{:g} s is the longest", kLongestPause_s));
  return seconds;
}

constexpr const char* kWriteTags = "write <slow>…</slow>, <medium>…</medium> or <fast>…</fast>";

/// Bytes of "<name>" or "</name>" at the beginning of `rest`; 0 where other text begins with "<".
std::size_t tag_bytes(std::string_view rest) {
  std::size_t end = rest.starts_with("</") ? 2 : 1;
  const std::size_t name = end;
  while (end < rest.size() && std::isalpha(static_cast<unsigned char>(rest[end]))) ++end;
  return end > name && end < rest.size() && rest[end] == '>' ? end + 1 : 0;
}

/// Reads tags of speed, one after the other.
class SpeedTags {
 public:
  explicit SpeedTags(std::string_view text) : text_(text) {}

  /// A tag of `bytes` at `at`, where `out` has got so far.
  void take(std::size_t at, std::size_t bytes, Marked& out) {
    std::string_view name = text_.substr(at + 1, bytes - 2);
    const bool closes = name.starts_with('/');
    if (closes) name.remove_prefix(1);
    if (name != "slow" && name != "medium" && name != "fast")
      refuse(at, fmt::format("'{}' is no markup", text_.substr(at, bytes)));
    if (closes && open_ != name) refuse(at, fmt::format("'</{0}>' closes no <{0}>", name));
    if (!closes && !open_.empty()) refuse(at, fmt::format("'<{}>' begins inside of <{}>", name, open_));
    if (!closes) {
      open_ = name;
      open_at_ = at;
      begin_ = out.plain.size();
      return;
    }
    if (begin_ < out.plain.size()) out.speeds.push_back({begin_, out.plain.size(), open_});
    open_.clear();
  }
  void finish() const {
    if (!open_.empty()) refuse(open_at_, fmt::format("'<{0}>' is not closed by </{0}>", open_));
  }

 private:
  [[noreturn]] void refuse(std::size_t at, const std::string& what) const {
    throw UsageError(fmt::format("{}: {}", place(text_, at), what), kWriteTags);
  }
  std::string_view text_;
  std::string open_;  ///< the speed we are in; "" = none
  std::size_t open_at_ = 0, begin_ = 0;
};

}  // namespace

Marked parse_markup(std::string_view text, Tags tags) {
  Marked out;
  SpeedTags speeds(text);
  constexpr std::string_view kPause = "[pause:";
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t bytes = tags == Tags::speeds && text[at] == '<' ? tag_bytes(text.substr(at)) : 0; bytes > 0) {
      speeds.take(at, bytes, out);
      at += bytes;
      continue;
    }
    if (text[at] != '[') {
      out.plain += text[at++];
      continue;
    }
    std::string_view rest = text.substr(at);
    if (starts_with_icase(rest, kPause)) {
      std::size_t close = rest.find_first_of("]\n");
      if (close == rest.npos || rest[close] != ']')
        throw UsageError(fmt::format("{}: '[pause:' is not closed", place(text, at)),
                         "write [pause:1.5s] or [pause:300ms]");
      double seconds = pause_seconds(rest.substr(kPause.size(), close - kPause.size()), text, at);
      if (!out.pauses.empty() && out.pauses.back().at == out.plain.size())
        out.pauses.back().seconds += seconds;
      else
        out.pauses.push_back({out.plain.size(), seconds});
      at += close + 1;
      continue;
    }
    std::size_t close = rest.find_first_of("[]\n", 1);
    bool pronounced = close != rest.npos && rest[close] == ']' && rest.substr(close + 1).starts_with("(/");
    if (!pronounced) {  // brackets of the text itself
      out.plain += text[at++];
      continue;
    }
    std::size_t open = close + 3, end = rest.find("/)", open);
    if (std::size_t line = rest.find('\n', open); end == rest.npos || line < end)
      throw UsageError(fmt::format("{}: '{}' does not end in '/)'", place(text, at), rest.substr(0, open)),
                       "write [word](/ipa/), for example [tomato](/təˈmeɪtoʊ/)");
    std::string_view word = trim(rest.substr(1, close - 1)), phones = trim(rest.substr(open, end - open));
    if (word.empty() || phones.empty())
      throw UsageError(fmt::format("{}: '{}' lacks its {}", place(text, at), rest.substr(0, end + 2),
                                   word.empty() ? "word" : "phones"),
                       "write [word](/ipa/), for example [tomato](/təˈmeɪtoʊ/)");
    out.spoken.push_back({out.plain.size(), out.plain.size() + word.size(), std::string(phones)});
    out.plain += word;
    at += end + 2;
  }
  speeds.finish();
  return out;
}

std::vector<SpeechPiece> plan_speech(std::string_view text, const SentenceOptions& options, Tags tags) {
  Marked marked = parse_markup(text, tags);
  // A word with given phones is one word to the splitter, whatever it is made of.
  std::string masked = marked.plain;
  for (const Spoken& s : marked.spoken) std::fill(masked.begin() + s.begin, masked.begin() + s.end, 'x');
  std::vector<SpeechPiece> pieces;
  auto stretch = [&](std::size_t from, std::size_t to, bool whole) {
    std::vector<Sentence> sentences = split_sentences(std::string_view(masked).substr(from, to - from), options);
    for (const Sentence& sentence : sentences) {
      SpeechPiece piece;
      std::size_t begin = from + sentence.begin, end = from + sentence.end;
      for (const Spoken& s : marked.spoken)
        if (s.begin >= begin && s.end <= end) piece.spoken.push_back({s.begin - begin, s.end - begin, s.phones});
      for (const SpeedSpan& s : marked.speeds)
        if (s.begin < end && s.end > begin)
          piece.speeds.push_back({std::max(s.begin, begin) - begin, std::min(s.end, end) - begin, s.speed});
      piece.text = marked.plain.substr(begin, end - begin);
      bool cut_by_pause = !whole && &sentence == &sentences.back();
      piece.ends_sentence = sentence.ends_sentence && !cut_by_pause;
      piece.ends_paragraph = sentence.ends_paragraph && !cut_by_pause;
      pieces.push_back(std::move(piece));
    }
    return !sentences.empty();
  };
  std::size_t from = 0;
  for (const Marked::Pause& pause : marked.pauses) {
    bool spoken = stretch(from, pause.at, false);
    if (!spoken && pieces.empty()) pieces.emplace_back();
    pieces.back().pause_after_s += pause.seconds;
    from = pause.at;
  }
  stretch(from, marked.plain.size(), true);
  return pieces;
}

std::vector<SpeechPiece> one_piece(std::string_view text, Tags tags) {
  Marked marked = parse_markup(text, tags);
  if (!marked.pauses.empty())
    throw UsageError("[pause:…] cuts a text that is to be said in one go",
                     "leave it out, or say it sentence by sentence");
  if (trim(marked.plain).empty()) return {};
  SpeechPiece piece;
  piece.text = std::move(marked.plain);
  piece.spoken = std::move(marked.spoken);
  piece.speeds = std::move(marked.speeds);
  piece.ends_paragraph = true;
  return {std::move(piece)};
}

}  // namespace timbre::text
