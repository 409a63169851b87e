#include "text/multilingual_front_end.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "text/espeak.h"
#include "text/espeak_front_end.h"
#include "text/language_tag.h"

namespace timbre::text {
namespace {

/// "fr-fr" of "espeak:fr-fr".
std::string voice_of(const FrontEnd& reader) {
  const std::string name = reader.name();
  return name.substr(name.find(':') + 1);
}

std::vector<std::string> voices_of(FrontEnd& front_end) {
  std::vector<std::string> voices;
  for (const FrontEnd* reader : front_end.readers()) voices.push_back(voice_of(*reader));
  return voices;
}

/// The voice of a language's tag: its region's where espeak-ng has it, else the language's.
std::optional<std::string> voice_of_tag(const std::string& tag) {
  constexpr const char* kEnglish = "en-us";  // espeak-ng would take en-gb; front ends are en-us by default
  const std::string plain = join(split(ascii_lower(trim(tag)), '_'), "-"), language = language_of_tag(tag);
  for (const std::string& code : {plain, language}) {
    if (code == "en") return kEnglish;
    try {
      return find_espeak_voice(code).code;
    } catch (const UsageError&) {
      continue;  // no such voice: the plainer tag, or none
    }
  }
  return std::nullopt;
}

}  // namespace

MultilingualFrontEnd::MultilingualFrontEnd(const std::vector<std::string>& voices, const FrontEndOptions& options) {
  for (const std::string& voice : voices) {
    auto reader = std::make_unique<EspeakFrontEnd>(trim(voice), options);
    for (const auto& other : own_)
      if (other->name() == reader->name())
        throw UsageError(
            fmt::format("the front end espeak:{} names the voice {} twice", join(voices, ","), voice_of(*reader)),
            "name each voice once");
    own_.push_back(std::move(reader));
  }
}

std::string MultilingualFrontEnd::name() const {
  std::vector<std::string> voices;
  for (const auto& reader : own_) voices.push_back(voice_of(*reader));
  return "espeak:" + join(voices, ",");
}

std::string MultilingualFrontEnd::rules() const {
  std::vector<std::string> versions;
  for (const auto& reader : own_)
    if (std::string version = reader->rules(); !version.empty()) versions.push_back(std::move(version));
  return join(versions, ", ");
}

std::vector<FrontEnd*> MultilingualFrontEnd::readers() {
  std::vector<FrontEnd*> out;
  for (const auto& reader : own_) out.push_back(reader.get());
  return out;
}

FrontEnd* find_reader(FrontEnd& front_end, std::string_view language) {
  const std::vector<FrontEnd*> readers = front_end.readers();
  for (FrontEnd* reader : readers)
    if (same_tag(voice_of(*reader), language)) return reader;
  for (FrontEnd* reader : readers)
    if (language_of_tag(reader->language()) == language_of_tag(language)) return reader;
  return nullptr;
}

FrontEnd& reader_of(FrontEnd& front_end, std::string_view language) {
  const std::vector<FrontEnd*> readers = front_end.readers();
  if (readers.size() == 1 || language.empty()) return *readers.front();
  if (FrontEnd* found = find_reader(front_end, language)) return *found;
  throw UsageError(
      fmt::format("the front end {} does not read the language '{}'", front_end.name(), language),
      fmt::format("it reads {}; add a voice: --front-end {},…", join(voices_of(front_end), ", "), front_end.name()));
}

std::vector<std::string> languages_of_name(std::string_view front_end) {
  const auto colon = front_end.find(':');
  if (colon == front_end.npos) return {};
  const std::string_view kind = front_end.substr(0, colon), rest = front_end.substr(colon + 1);
  if (kind == "espeak") {
    if (front_end == kAutoFrontEnd) return {};
    std::vector<std::string> voices;
    for (const std::string& voice : split(rest, ',')) voices.emplace_back(trim(voice));
    return voices;
  }
  if (kind == "arpabet") return {"en"};
  if (kind == "pinyin" || kind == "pypinyin") return {"zh"};
  if (kind == "phonemizer") return {std::string(rest)};
  if (kind == "vallex") return {rest == "mix" ? "en" : std::string(rest)};
  if (kind == "ming024") return {rest == "mandarin" ? "zh" : "en"};
  return {};
}

std::string front_end_for_languages(const std::map<std::string, std::int64_t>& utterances_of) {
  std::map<std::string, std::int64_t> voices;
  std::vector<std::string> unknown;
  for (const auto& [tag, utterances] : utterances_of) {
    if (tag.empty()) continue;
    if (const auto voice = voice_of_tag(tag))
      voices[*voice] += utterances;
    else
      unknown.push_back(tag);
  }
  if (voices.empty())
    throw UsageError(unknown.empty()
                         ? "the front end espeak:auto: no utterance of the corpus has a language"
                         : fmt::format("the front end espeak:auto: espeak-ng reads none of {}", join(unknown, ", ")),
                     "name the voice that reads it: --front-end espeak:VOICE, or import again with --language");
  std::vector<std::pair<std::int64_t, std::string>> order;
  for (const auto& [voice, utterances] : voices) order.emplace_back(-utterances, voice);
  std::sort(order.begin(), order.end());
  std::string name = "espeak:";
  for (const auto& [rank, voice] : order) name += (name.back() == ':' ? "" : ",") + voice;
  return name;
}

}  // namespace timbre::text
