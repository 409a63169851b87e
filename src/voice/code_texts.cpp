#include "voice/code_texts.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "text/multilingual_front_end.h"

namespace timbre::voice {
namespace {

constexpr std::string_view kMixed = "vallex:";  // its texts say their languages themselves: [EN]…[EN]

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

bool marks_languages(std::string_view text) {
  return text.find("[EN]") != text.npos || text.find("[ZH]") != text.npos || text.find("[JA]") != text.npos;
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

text::FrontEnd& CodeTexts::reader(const std::string& language) {
  const std::string name = front_end_->name();
  if (language.empty()) return *front_end_;
  if (name.starts_with(kMixed)) {
    if (name == std::string(kMixed) + language) return *front_end_;
    if (!other_ || other_->language() != language) other_ = text::make_front_end(std::string(kMixed) + language);
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
  const bool untold = given.empty() && front_end_->name() == std::string(kMixed) + "mix" && !marks_languages(text);
  const std::string language = untold ? language_by_script(text) : given;
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
  if (!unknown.empty())
    phonemized.warnings.push_back("no token for " + join({unknown.begin(), unknown.end()}, " ") +
                                  ": read as unknown, as in training");
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
