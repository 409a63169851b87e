#include <set>

#include "base/strings.h"
#include "parity/sets.h"
#include "roles/golden.h"
#include "roles/parity_part.h"
#include "text/bpe_symbols.h"
#include "text/token_rows.h"
#include "text/vallex_cleaners.h"
#include "text/vallex_front_end.h"
#include "text/vallex_sentences.h"

/// The part of valle_x about texts.
namespace timbre::parity {

namespace {

using nlohmann::json;

constexpr const char* kText = "text.json";

std::vector<std::string> characters(const std::string& text) {
  std::vector<std::string> out;
  for (char32_t c : to_code_points(text)) out.push_back(to_utf8(c == U' ' ? U"_" : std::u32string(1, c)));
  return out;
}

/// [language, characters] of every stretch of one language.
json runs_of(const std::vector<std::string>& languages) {
  json runs = json::array();
  for (const std::string& language : languages) {
    if (runs.empty() || runs.back()[0] != language) runs.push_back({language, 0});
    runs.back()[1] = runs.back()[1].get<int>() + 1;
  }
  return runs;
}

/// Phonemes of other languages than English hang on dictionaries that are not ours: where set.json does not ask for
/// them, it gives them, and the ids are of those.
void texts(roles::ParityRun& run, const text::TokenRows& rows) {
  for (const std::string& i : run.keys(kText, "/texts")) {
    const std::string entry = "/texts/" + i;
    roles::attempt(run, kText + (":" + entry) + "/*", [&] {
      std::string phonemes;
      if (run.gives(kText, entry + "/phonemes")) {
        phonemes = run.input_json(kText, entry + "/phonemes").get<std::string>();
      } else {
        const auto clean = text::vallex_clean(run.input_json(kText, entry + "/text").get<std::string>());
        run.put_json(kText, entry + "/phonemes", clean.phonemes);
        run.put_json(kText, entry + "/langs", runs_of(clean.languages));
        phonemes = clean.phonemes;
      }
      std::set<std::string> unknown;
      if (run.has_json(kText, entry + "/ids"))
        run.put_json(kText, entry + "/ids", rows.ids(characters(phonemes), unknown));
    });
  }
}

void cleaner_steps(roles::ParityRun& run) {
  for (const std::string& i : run.keys(kText, "/cleaner_steps")) {
    const std::string entry = "/cleaner_steps/" + i;
    roles::attempt(run, kText + (":" + entry) + "/*", [&] {
      const std::string language = run.input_json(kText, entry + "/lang").get<std::string>();
      const std::string text = run.input_json(kText, entry + "/text").get<std::string>();
      const auto given = [&](const char* step) { return run.input_json(kText, entry + step).get<std::string>(); };
      if (language == "EN") {
        std::vector<std::string> unknown;
        run.put_json(kText, entry + "/numbers", text::vallex_english_words(text));
        run.put_json(kText, entry + "/ipa", text::vallex_english(text, unknown));
      } else if (language == "ZH") {
        run.put_json(kText, entry + "/number_to_chinese", text::vallex_number_to_chinese(text));
        run.put_json(kText, entry + "/ipa", text::vallex_chinese_ipa(given("/bopomofo")));
      } else {
        run.put_json(kText, entry + "/ipa2", text::vallex_japanese_ipa(given("/romaji")));
      }
    });
  }
}

void run_texts(roles::ParityRun& run) {
  if (!run.has_file(kText)) return;
  roles::attempt(run, "text.json:/texts/*", [&] {
    texts(run, {text::read_bpe_symbols(run.input_path("tokenizer.json")), text::bpe_policy(), "tokenizer.json"});
  });
  cleaner_steps(run);
  for (const std::string& i : run.keys(kText, "/sentence_splitter")) {
    const std::string entry = "/sentence_splitter/" + i;
    run.put_json(kText, entry + "/sentences",
                 text::vallex_sentences(run.input_json(kText, entry + "/text").get<std::string>(),
                                        run.input_json(kText, entry + "/language").get<std::string>()));
  }
}

}  // namespace

void register_set_valle_x_text(roles::Registry& registry) {
  registry.add_parity_part("valle_x", run_texts);
  registry.expect_parity_of_networks("valle_x");
}

}  // namespace timbre::parity
