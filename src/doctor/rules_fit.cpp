#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "base/strings.h"
#include "base/threads.h"
#include "corpus/split.h"
#include "corpus/stats.h"
#include "doctor/check.h"
#include "doctor/language_guess.h"

/// Is the text what is said in the clip, and in the language that it is marked with?
namespace timbre::doctor {

namespace {

struct Paced {
  std::size_t place;
  double units, speech_s;  ///< characters or phones
};

std::string group_key(const corpus::Utterance& u) { return u.language + "\n" + u.speaker; }

/// Speakers of one language read at much the same pace. Expected: `per_unit` seconds a unit and an allowance for the
/// edges; what lies many robust deviations away (and a factor of 1.8) has a text that is not what is said.
void find_outliers(const Examined& e, const std::vector<Paced>& group, const char* unit, Hits& hits) {
  constexpr std::size_t kEnough = 20;
  constexpr double kEdge_s = 0.35, kFactor = 1.8;
  std::vector<double> paces;
  for (const Paced& p : group)
    if (p.units >= 12) paces.push_back(p.speech_s / p.units);
  if (paces.size() < kEnough) return;
  double per_unit = corpus::median(paces);
  auto surprise = [&](const Paced& p) { return std::log((p.speech_s + kEdge_s) / (p.units * per_unit + kEdge_s)); };
  std::vector<double> surprises, distances;
  for (const Paced& p : group) surprises.push_back(surprise(p));
  double usual = corpus::median(surprises);
  for (double s : surprises) distances.push_back(std::abs(s - usual));
  double deviation = std::max(1.4826 * corpus::median(distances), 0.02);
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (distances[i] < e.options.outlier_deviations * deviation || distances[i] < std::log(kFactor)) continue;
    const Paced& p = group[i];
    hits.add(e.utterances[p.place],
             fmt::format("{:.1f} {} a second, usual {:.1f}: {}", p.units / std::max(p.speech_s, 0.01), unit,
                         1 / per_unit, e.utterances[p.place].text),
             distances[i]);
  }
}

/// Seconds between the first and the last sound, without a pause that is too long; nothing where the clip cannot tell.
std::optional<double> speech_s(const Examined& e, std::size_t i) {
  if (e.facts.empty()) return e.utterances[i].duration_s > 0 ? std::optional(e.utterances[i].duration_s) : std::nullopt;
  const ClipFacts& f = e.facts[i];
  if (!f.readable || f.bad_samples || f.speech_db < e.options.silent_db) return std::nullopt;
  double s = f.duration_s() - f.leading_silence_s - f.trailing_silence_s;
  if (f.inner_silence_s > e.options.inner_silence_s) s -= f.inner_silence_s;
  return s > 0 ? std::optional(s) : std::nullopt;
}

void pace_outliers(const Examined& e, Hits& hits) {
  std::map<std::string, std::vector<Paced>> groups;
  for (std::size_t i = 0; i < e.utterances.size(); ++i) {
    const std::string key = corpus::text_key(e.utterances[i].text);
    const auto s = speech_s(e, i);
    if (!key.empty() && s)
      groups[group_key(e.utterances[i])].push_back({i, static_cast<double>(to_code_points(key).size()), *s});
  }
  for (const auto& [name, group] : groups) find_outliers(e, group, "characters", hits);
}

void phone_pace_outliers(const Examined& e, Hits& hits) {
  std::map<std::string, std::vector<Paced>> groups;
  for (std::size_t i = 0; i < e.utterances.size(); ++i) {
    const auto s = speech_s(e, i);
    if (e.prepared.phones[i] > 0 && s)
      groups[group_key(e.utterances[i])].push_back({i, static_cast<double>(e.prepared.phones[i]), *s});
  }
  for (const auto& [name, group] : groups) find_outliers(e, group, "phones", hits);
}

/// What the aligner left out, and where it takes another text for likelier than this one.
void misfits(const Examined& e, Hits& hits) {
  for (std::size_t i = 0; i < e.utterances.size(); ++i) {
    // Other reasons to leave a clip out (no phonemes) are no verdict on its sound.
    if (e.prepared.misaligned[i].starts_with("the text does not fit"))
      hits.add(e.utterances[i], fmt::format("{}: {}", e.prepared.misaligned[i], e.utterances[i].text), 1000);
    const auto confidence = static_cast<double>(e.prepared.confidence[i]);  // NaN: from a TextGrid, or not aligned
    if (!(confidence < e.options.min_confidence)) continue;
    hits.add(e.utterances[i],
             fmt::format("probability {:.2f} that this is what is said: {}", confidence, e.utterances[i].text),
             1 - confidence);
  }
}

void wrong_language(const Examined& e, Hits& hits) {
  // In portions on all threads: 20 µs a text, of which there may be a million.
  constexpr std::size_t kPortion = 4096;
  const std::size_t portions = (e.utterances.size() + kPortion - 1) / kPortion;
  std::vector<std::vector<std::pair<std::size_t, LanguageGuess>>> found(portions);
  parallel_for(portions, [&](std::size_t portion) {
    const std::size_t end = std::min(e.utterances.size(), (portion + 1) * kPortion);
    for (std::size_t i = portion * kPortion; i < end; ++i) {
      const corpus::Utterance& u = e.utterances[i];
      if (u.language.empty()) continue;
      const std::string marked = u.language.substr(0, u.language.find_first_of("-_"));
      LanguageGuess guess = guess_language(u.text, marked);
      if (guess.sure && !same_language(guess.language, marked)) found[portion].emplace_back(i, std::move(guess));
    }
  });
  for (const auto& portion : found)
    for (const auto& [place, guess] : portion) {
      const corpus::Utterance& u = e.utterances[place];
      hits.add(u, fmt::format("reads like '{}', is marked '{}': {}", guess.language, u.language, u.text), guess.share);
    }
}

std::string needs_language(const Examined& e) {
  const bool any = std::any_of(e.utterances.begin(), e.utterances.end(), [](auto& u) { return !u.language.empty(); });
  return any ? why_no_guess() : "no utterance has a language; import --language names it";
}

std::string needs_phones(const Examined& e) {
  return e.prepared.phones.empty() ? "no phonemes yet; timbre prepare makes them" : "";
}

std::string needs_alignment(const Examined& e) {
  if (e.prepared.confidence.empty()) return "not aligned yet; timbre prepare does it";
  const bool any = std::any_of(e.prepared.confidence.begin(), e.prepared.confidence.end(),
                               [](float c) { return std::isfinite(c); }) ||
                   std::any_of(e.prepared.misaligned.begin(), e.prepared.misaligned.end(),
                               [](const std::string& why) { return !why.empty(); });
  return any ? "" : "the alignment comes from TextGrids, which have no score";
}

}  // namespace

std::vector<Rule> fit_rules() {
  using enum Severity;
  return {
      {"wrong-language", warning, false, "texts in another language than they are marked with",
       "check the language (import --language) and the text", Cure::quarantine, wrong_language, needs_language},
      {"pace-outlier", warning, false,
       "far more or fewer characters a second than usual: the text may not be what is said",
       "listen to these clips and mend their text", Cure::quarantine, pace_outliers},
      {"phone-pace-outlier", warning, false,
       "far more or fewer phones a second than usual: the text may not be what is said",
       "listen to these clips and mend their text, or their pronunciation", Cure::quarantine, phone_pace_outliers,
       needs_phones},
      {"text-misfit", warning, false, "the aligner hears something else than the text",
       "listen to these clips and mend their text", Cure::quarantine, misfits, needs_alignment},
  };
}

}  // namespace timbre::doctor
