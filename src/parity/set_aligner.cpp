#include <fmt/format.h>

#include "audio/decode.h"
#include "base/strings.h"
#include "parity/sets.h"
#include "roles/golden.h"
#include "text/cleaners.h"
#include "text/data_table.h"
#include "text/letters.h"
#include "text/lexicon.h"
#include "text/normalize.h"

/// The set aligner: what its clips say and last, and CMUdict's pronunciations. Its boundaries are another aligner's and
/// are not judged here: tests/prepare/aligner_accuracy.py compares with them.
namespace timbre::parity {
namespace {

constexpr const char* kClips = "alignments.json";
constexpr const char* kWords = "pronunciations.json";

bool letter(char c) { return c >= 'a' && c <= 'z'; }

// The words of a text as a dictionary has them: numbers spelt out, lower case, letters with inner apostrophes.
std::vector<std::string> dictionary_words(const std::string& text) {
  std::vector<std::string> warnings, words(1);
  const std::string plain = text::to_lower(text::normalize_numbers(text::clean_unicode(text, warnings)));
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const bool inner = plain[i] == '\'' && !words.back().empty() && i + 1 < plain.size() && letter(plain[i + 1]);
    if (letter(plain[i]) || inner)
      words.back() += plain[i];
    else if (!words.back().empty())
      words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

void clip(roles::ParityRun& run, const std::string& at) {
  const auto id = run.input_json(kClips, at + "/id").get<std::string>();
  run.put_json(kClips, at + "/normalised_words",
               dictionary_words(run.input_json(kClips, at + "/text").get<std::string>()));
  const audio::Clip sound = audio::decode_audio(run.input_path(fmt::format("clips/{}.wav", id)));
  run.put_json(kClips, at + "/duration_s", sound.duration_s());
}

void look_up(roles::ParityRun& run, const std::string& at) {
  const std::string word = text::to_lower(run.input_json(kWords, at + "/word").get<std::string>());
  const auto all = text::cmudict_pronunciations(word);
  run.put_json(kWords, at + "/pronunciations", all);
  const bool one_reading = !all.empty() && !text::homograph_table().find(word);
  run.put_json(kWords, at + "/g2p_en", one_reading ? nlohmann::json(all.front()) : nlohmann::json());
}

void run_aligner(roles::ParityRun& run) {
  for (const std::string& i : run.keys(kClips, "/clips")) clip(run, "/clips/" + i);
  for (const std::string& i : run.keys(kWords, "/dictionary_lookups")) look_up(run, "/dictionary_lookups/" + i);
}

}  // namespace

void register_set_aligner(roles::Registry& registry) { registry.add_parity("aligner", run_aligner); }

}  // namespace timbre::parity
