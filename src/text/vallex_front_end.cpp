#include "text/vallex_front_end.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "text/letters.h"
#include "text/replace.h"
#include "text/vallex_cleaners.h"

namespace timbre::text {
namespace {

struct Tag {
  std::string_view mark, language;
};

/// In the order in which the reference cleans a span that holds another.
constexpr std::array<Tag, 3> kTags = {{{"[ZH]", "zh"}, {"[JA]", "ja"}, {"[EN]", "en"}}};

/// A span with its tags, bytes [begin, end).
struct Span {
  std::size_t begin, end;
};

/// The spans of one tag, from the left, each as short as it can be and within a line.
std::vector<Span> spans_of(std::string_view text, std::string_view mark) {
  std::vector<Span> out;
  for (std::size_t open = text.find(mark); open != text.npos; open = text.find(mark, open)) {
    const std::size_t close = text.find(mark, open + mark.size()), line = text.find('\n', open);
    if (close == text.npos) break;
    if (line < close) {
      open += 1;
      continue;
    }
    out.push_back({open, close + mark.size()});
    open = close + mark.size();
  }
  return out;
}

void refuse_japanese(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (script_of(c) != Script::kana && script_of(c) != Script::han) continue;
    throw UsageError(fmt::format("Japanese script cannot be read here: '{}'", text),
                     "give its sound, in romaji with accents as Open JTalk makes it: [こんにちは](/ko↑Nniʧiwa/) with "
                     "the front end vallex:ja");
  }
}

/// What one language's cleaner makes of the inside of a span.
std::string clean_inside(std::string_view text, std::string_view language, std::vector<std::string>& unknown) {
  if (language == "zh") return vallex_chinese(text);
  if (language == "en") return vallex_english(text, unknown);
  refuse_japanese(text);
  return vallex_japanese_ipa(text);
}

std::string closed(std::string text) {
  std::u32string points = to_code_points(text);
  while (!points.empty() && is_space(points.back())) points.pop_back();
  constexpr std::u32string_view kEnds = U".,!?-…~";
  if (!points.empty() && kEnds.find(points.back()) == kEnds.npos) points += U'.';
  return to_utf8(points);
}

/// A span with all that is inside it, and the language that its characters get.
std::string clean_span(std::string text, std::string_view& language, std::vector<std::string>& unknown) {
  for (const std::string_view order : {"ja", "zh", "en"})
    for (const Tag& tag : kTags)
      if (tag.language == order && text.find(tag.mark) != text.npos) language = tag.language;
  for (const Tag& tag : kTags) {
    std::string out;
    std::size_t at = 0;
    for (const Span& span : spans_of(text, tag.mark)) {
      const std::size_t begin = span.begin + tag.mark.size(), end = span.end - tag.mark.size();
      out += text.substr(at, span.begin - at);
      out += clean_inside(text.substr(begin, end - begin), tag.language, unknown) + " ";
      at = span.end;
    }
    text = out + text.substr(at);
  }
  return closed(std::move(text));
}

void add_language(VallexText& out, std::string_view language) {
  out.languages.resize(to_code_points(out.phonemes).size(), std::string(language));
}

void warn_unknown(VallexText& out, const std::vector<std::string>& unknown) {
  const std::set<std::string> words(unknown.begin(), unknown.end());
  if (!words.empty())
    out.warnings.push_back(fmt::format("in no English dictionary, so left in their letters with a *: {}",
                                       join({words.begin(), words.end()}, " ")));
}

}  // namespace

std::string vallex_tagged(std::string_view text, std::string_view language) {
  std::string plain = replaced(std::string(text), {{"\n", ""}});
  const auto first = plain.find_first_not_of(' ');
  plain = first == plain.npos ? "" : plain.substr(first, plain.find_last_not_of(' ') + 1 - first);
  for (const Tag& tag : kTags)
    if (tag.language == language) return std::string(tag.mark) + plain + std::string(tag.mark);
  return plain;
}

std::vector<VallexSpan> vallex_spans(std::string_view tagged) {
  std::vector<VallexSpan> spans;
  for (const Tag& tag : kTags)
    for (const Span& span : spans_of(tagged, tag.mark)) spans.push_back({span.begin, span.end, tag.mark, tag.language});
  std::sort(spans.begin(), spans.end(), [](const VallexSpan& a, const VallexSpan& b) { return a.begin < b.begin; });
  return spans;
}

bool has_vallex_tags(std::string_view text) {
  return std::any_of(kTags.begin(), kTags.end(), [&](const Tag& tag) { return text.find(tag.mark) != text.npos; });
}

VallexText vallex_clean(std::string_view tagged) {
  VallexText out;
  std::vector<std::string> unknown, outside;
  std::size_t at = 0;
  const auto drop = [&](std::size_t end) {
    if (end <= at) return;
    if (const std::string_view lost = trim(tagged.substr(at, end - at)); !lost.empty()) outside.emplace_back(lost);
  };
  for (const VallexSpan& span : vallex_spans(tagged)) {
    drop(span.begin);
    at = std::max(at, span.end);
    std::string_view language;
    out.phonemes += clean_span(std::string(tagged.substr(span.begin, span.end - span.begin)), language, unknown);
    add_language(out, language);
  }
  drop(tagged.size());
  if (!outside.empty())
    out.warnings.push_back(
        fmt::format("left out, because it stands in no [EN]…[EN], [ZH]…[ZH] or [JA]…[JA] of one "
                    "line: {}",
                    join(outside, " | ")));
  warn_unknown(out, unknown);
  return out;
}

VallexFrontEnd::VallexFrontEnd(std::string language, const FrontEndOptions& options) : tag_(std::move(language)) {
  if (!options.user.empty() || !options.lexicon.empty())
    throw UsageError(fmt::format("the front end {} takes no lexicon", name()),
                     "give the sound in the text, in IPA: [read](/ɹɛd/)");
}

Phonemized VallexFrontEnd::phonemize(std::string_view text, std::span<const Spoken> spoken) {
  VallexText clean;
  if (spoken.empty()) {
    clean = vallex_clean(vallex_tagged(text, tag_));
  } else {
    if (tag_ == "mix")
      throw UsageError("the front end vallex:mix takes no phones by hand",
                       "use vallex:en, vallex:zh or vallex:ja for a text of one language");
    std::vector<std::string> unknown;
    std::size_t at = 0;
    const auto add = [&](const std::string& ipa) {
      const bool apart = !clean.phonemes.empty() && !ipa.empty() && tag_ != "ja";
      clean.phonemes += (apart ? " " : "") + ipa;
    };
    const auto read = [&](std::string_view stretch) {
      const std::string plain = vallex_tagged(stretch, "mix");
      if (!plain.empty()) add(clean_inside(plain, tag_, unknown));
    };
    for (const Spoken& s : spoken) {
      read(text.substr(at, s.begin - at));
      add(tag_ == "ja" ? vallex_japanese_ipa(s.phones) : s.phones);
      at = s.end;
    }
    read(text.substr(at));
    clean.phonemes = closed(std::move(clean.phonemes));
    add_language(clean, tag_);
    warn_unknown(clean, unknown);
  }
  Phonemized out;
  out.warnings = std::move(clean.warnings);
  const std::u32string points = to_code_points(clean.phonemes);
  bool stray = false, open = false;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const bool blank = points[i] == U' ';
    if (!blank && is_space(points[i])) {
      stray = true;
      continue;
    }
    if (!blank && !open) out.words.emplace_back();
    open = !blank;
    const std::string token = blank ? "_" : to_utf8(points.substr(i, 1));
    if (!blank) out.words.back() += token;
    out.phones.push_back(token);
    out.word_of_phone.push_back(blank ? -1 : static_cast<std::int64_t>(out.words.size()) - 1);
    out.language_of_phone.push_back(clean.languages[i]);
  }
  if (stray)
    out.warnings.emplace_back("white space other than blanks was left out; the reference stops at such a text");
  if (tag_ != "mix" && text.find('\n') != text.npos)
    out.warnings.emplace_back("line ends were deleted, not read as blanks, as the reference does");
  if (out.phones.empty()) out.warnings.emplace_back("there is nothing to say in this text");
  return out;
}

}  // namespace timbre::text
