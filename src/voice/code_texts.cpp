#include "voice/code_texts.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "text/letters.h"
#include "text/multilingual_front_end.h"
#include "text/vallex_front_end.h"

namespace timbre::voice {
namespace {

constexpr std::string_view kMixed = "vallex:";
constexpr const char* kSeveral = "mix";  // of these: texts say their languages themselves, [EN]…[EN]

text::TokenPolicy policy_of(text::TokenPolicy policy, const text::FrontEnd& front_end,
                            const std::vector<std::string>& symbols) {
  if (policy == text::TokenPolicy{}) policy = front_end.policy();
  if (!(policy == text::TokenPolicy{})) return policy;
  const text::TokenPolicy marked = text::collater_policy();
  return std::find(symbols.begin(), symbols.end(), marked.bos) != symbols.end() ? marked : policy;
}

/// Of a text that does not mark its languages: kana is Japanese, Chinese characters without any are Chinese.
std::string language_by_script(std::string_view text) {
  bool chinese = false;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]), next = static_cast<unsigned char>(text[i + 1]);
    if (lead == 0xe3 && next >= 0x81 && next <= 0x83) return "ja";  // U+3040 … U+30FF
    chinese = chinese || (lead >= 0xe4 && lead <= 0xe9);            // U+4000 … U+9FFF
  }
  return chinese ? "zh" : "en";
}

/// Nothing behind it belongs to the same sentence.
bool is_closed(const text::SpeechPiece& piece, std::size_t mark_bytes) {
  const std::string_view inside = std::string_view(piece.text).substr(0, piece.text.size() - mark_bytes);
  const std::u32string points = to_code_points(trim(inside));
  return piece.pause_after_s > 0 || points.empty() ||
         std::u32string_view(U".!?\u2026\u3002\uff01\uff1f\uff61").find(points.back()) != std::u32string_view::npos;
}

}  // namespace

CodeTexts::CodeTexts(std::unique_ptr<text::FrontEnd> front_end, std::vector<std::string> symbols,
                     std::vector<std::string> languages, const std::string& where, const text::TokenPolicy& policy)
    : front_end_(std::move(front_end)),
      rows_(symbols, policy_of(policy, *front_end_, symbols), where),
      languages_(std::move(languages)) {}

std::int64_t CodeTexts::language_row(const std::string& language) const {
  const auto found = std::find(languages_.begin(), languages_.end(), language);
  if (found == languages_.end())
    throw UsageError(
        fmt::format("the voice does not know the language '{}'; {}", language, did_you_mean(language, languages_)),
        fmt::format("it knows {}", join(languages_, ", ")));
  return found - languages_.begin();
}

bool CodeTexts::marks_languages(std::string_view text) const {
  return front_end_->name().starts_with(kMixed) && text::has_vallex_tags(text);
}

std::string CodeTexts::language_of(std::string_view text, const std::string& given) const {
  if (!given.empty()) return given;
  const bool untold = front_end_->name() == std::string(kMixed) + kSeveral && !marks_languages(text);
  return untold ? language_by_script(text) : front_end_->language();
}

std::vector<text::SpeechPiece> CodeTexts::plan(const std::string& text, const std::string& language) const {
  if (!marks_languages(text)) return text::plan_speech(text, {.language = language_of(text, language)});
  std::string line = text;  // a span is one of a line
  std::erase(line, '\n');
  std::vector<text::SpeechPiece> pieces;
  std::size_t at = 0, closing = 0;  // what was planned; bytes of the last piece's closing mark
  for (const text::VallexSpan& span : text::vallex_spans(line)) {
    if (span.begin < at) return {{.text = line}};  // a span in another: nothing to cut safely
    const std::string outside = line.substr(at, span.begin - at), mark(span.mark);
    at = span.end;
    const auto inside = line.substr(span.begin + mark.size(), span.end - span.begin - 2 * mark.size());
    bool first = true;
    for (text::SpeechPiece& piece : text::plan_speech(inside, {.language = std::string(span.language)})) {
      const std::string before = (first ? outside : "") + mark;  // what stands outside is told of when it is read
      if (!piece.text.empty()) {
        for (text::Spoken& spoken : piece.spoken) spoken.begin += before.size(), spoken.end += before.size();
        piece.text = before + piece.text + mark;
        if (first && !pieces.empty() && piece.spoken.empty() && pieces.back().spoken.empty() &&
            !is_closed(pieces.back(), closing)) {
          piece.text = pieces.back().text + piece.text;
          pieces.pop_back();
        }
      }
      first = false;
      closing = piece.text.empty() ? 0 : mark.size();
      pieces.push_back(std::move(piece));
    }
  }
  if (pieces.empty()) return {{.text = line}};
  if (at < line.size() && !pieces.back().text.empty()) pieces.back().text += line.substr(at);
  return pieces;
}

std::vector<text::SpeechPiece> CodeTexts::plan(const std::string& text, const ReadingOptions& options) const {
  if (options.speed != "medium" || options.tags != text::Tags::text)
    throw UsageError("--speed and --markup are for voices with speed tokens (Llasa)",
                     "--prompt RECORDING of somebody who speaks so fast or so slowly");
  return options.whole ? text::one_piece(text) : plan(text, options.language);
}

TextReader::Joined CodeTexts::read_together(const text::SpeechPiece& prompt, const text::SpeechPiece& piece,
                                            const std::string& language) {
  std::vector<text::Spoken> spoken = prompt.spoken;
  const std::size_t moved = prompt.text.size() + 1;
  for (const text::Spoken& one : piece.spoken) spoken.push_back({one.begin + moved, one.end + moved, one.phones});
  Joined out;
  out.prompt_tokens = static_cast<std::int64_t>(read(prompt, language).tokens.tokens_S.size());
  out.tokens = read(prompt.text + " " + piece.text, spoken, language).tokens;
  return out;
}

text::FrontEnd& CodeTexts::reader(const std::string& language) {
  const std::string name = front_end_->name();
  if (language.empty()) return *front_end_;
  if (name.starts_with(kMixed)) {
    const std::string wanted = std::string(kMixed) + language;
    if (name == wanted) return *front_end_;
    if (language != kSeveral && !languages_.empty()) language_row(language);  // named before front ends that there are
    if (!other_ || other_->name() != wanted) other_ = text::make_front_end(wanted);
    return *other_;
  }
  if (text::FrontEnd* found = text::find_reader(*front_end_, language)) return *found;
  std::vector<std::string> known;
  for (const text::FrontEnd* one : front_end_->readers()) known.push_back(one->language());
  throw UsageError(fmt::format("the voice does not read the language '{}'", language),
                   fmt::format("it reads {} ({})", join(known, ", "), name));
}

/// Phones of our own front ends that the voice has no row for become plainer ones, or are left out.
void CodeTexts::fit(text::FrontEnd& reader, text::Phonemized& phonemized) const {
  std::set<std::string> dropped;
  std::vector<std::string> phones;
  for (const std::string& given : phonemized.phones) {
    std::string phone = given;
    while (!phone.empty() && !rows_.has(phone)) phone = reader.plainer(phone);
    if (phone.empty())
      dropped.insert(given);
    else
      phones.push_back(phone);
  }
  phonemized.phones = std::move(phones);
  if (!dropped.empty())
    phonemized.warnings.push_back("the voice has nothing like these phones; left out " +
                                  join({dropped.begin(), dropped.end()}, " "));
}

CodeTexts::Read CodeTexts::read(std::string_view text, std::span<const text::Spoken> spoken, const std::string& given) {
  std::string language = given;
  std::vector<text::Spoken> moved;
  if (marks_languages(text)) {
    language = kSeveral;
    const auto spans = text::vallex_spans(text);
    if (!spoken.empty() && spans.size() == 1 && spans[0].begin == 0 && spans[0].end == text.size()) {
      // Phones by hand are read in one language: without its marks.
      language = spans[0].language;
      const std::size_t mark = spans[0].mark.size();
      text = text.substr(mark, text.size() - 2 * mark);
      for (const text::Spoken& one : spoken) moved.push_back({one.begin - mark, one.end - mark, one.phones});
      spoken = moved;
    }
  } else if (given.empty() && front_end_->name() == std::string(kMixed) + kSeveral) {
    language = language_of(text, given);
  }
  text::FrontEnd& front_end = reader(language);
  text::Phonemized phonemized = front_end.phonemize(text, spoken);
  Read out;
  const bool own_rules = !(front_end.policy() == text::TokenPolicy{});
  out.speaks = own_rules ? !phonemized.phones.empty()
                         : std::any_of(phonemized.word_of_phone.begin(), phonemized.word_of_phone.end(),
                                       [](auto word) { return word >= 0; });
  if (!own_rules) fit(front_end, phonemized);
  std::set<std::string> unknown;
  out.tokens.tokens_S = rows_.ids(phonemized.phones, unknown);
  if (!unknown.empty()) phonemized.warnings.push_back(text::unknown_warning(unknown, rows_.policy()));
  if (!languages_.empty()) {
    const std::size_t marks = out.tokens.tokens_S.size() - phonemized.phones.size();
    if (phonemized.language_of_phone.size() == phonemized.phones.size() && marks == 0) {
      for (const std::string& code : phonemized.language_of_phone) out.tokens.languages_S.push_back(language_row(code));
    } else {
      out.tokens.languages_S.assign(out.tokens.tokens_S.size(),
                                    language_row(language.empty() ? front_end.language() : language));
    }
  }
  out.warnings = std::move(phonemized.warnings);
  out.guessed = std::move(phonemized.guessed);
  return out;
}

}  // namespace timbre::voice
