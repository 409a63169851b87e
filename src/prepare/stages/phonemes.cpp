#include <mutex>

#include "base/strings.h"
#include "prepare/corpus_languages.h"
#include "prepare/stage.h"
#include "text/multilingual_front_end.h"
#include "text/phonemes.h"
#include "text/text_options.h"

namespace timbre::prepare {
namespace {

struct PhonemeSettings {
  std::string front_end = "espeak:en-us";
  std::string lexicon;
  text::TextOptions text;
};

config::Fields fields(PhonemeSettings& s) {
  config::Fields f;
  f.add("front_end", s.front_end,
        "text to phones: espeak:VOICE, espeak:VOICE,VOICE… or espeak:auto for several languages, arpabet:en, "
        "pinyin:zh, ming024:english, ming024:mandarin")
      .metavar("NAME");
  f.add("lexicon", s.lexicon, "\"word  PH PH\" file looked up first (arpabet:*, ming024:*)").metavar("FILE");
  f.group("text", text::fields(s.text));
  return f;
}

/// Other rules for figures make other phones of the same text.
nlohmann::json rules(const nlohmann::json& json) {
  const auto settings = options_from<PhonemeSettings>(json, fields, "phonemes");
  return {{"text.rules", text::rules_of(settings.front_end, settings.text)}};
}

nlohmann::json settle(nlohmann::json settings, const corpus::Corpus& corpus) {
  settings["front_end"] = settle_front_end(settings.at("front_end").get<std::string>(), corpus);
  return settings;
}

MakeRow rows(const StageJob& job) {
  const auto settings = options_from<PhonemeSettings>(job.settings, fields, "phonemes");
  // Front ends are not thread-safe and fast: one for all threads.
  struct Shared {
    std::unique_ptr<text::FrontEnd> front_end;
    std::mutex guard;
  };
  auto shared = std::make_shared<Shared>();
  text::FrontEndOptions options;
  options.lexicon = settings.lexicon;
  options.text = settings.text;
  shared->front_end = text::make_front_end(settings.front_end, std::move(options));
  if (const std::string unread = unread_languages(job.corpus, settings.front_end); !unread.empty())
    job.events({"warning", {{"text", unread}}});
  const std::string unknown = "words in no lexicon, read by " + shared->front_end->guesser();
  return [shared, unknown, tally = job.tally](const corpus::Utterance& utterance) -> RowResult {
    const std::scoped_lock lock(shared->guard);
    const text::Phonemized said = text::reader_of(*shared->front_end, utterance.language).phonemize(utterance.text);
    for (const std::string& word : said.guessed)
      if (tally) tally(unknown, word);
    bool speaks = false;
    for (const auto word : said.word_of_phone) speaks = speaks || word >= 0;
    if (!speaks) return Skipped{utterance.id, "no phones: nothing in \"" + utterance.text + "\" can be spoken"};
    const auto count = static_cast<std::int64_t>(said.word_of_phone.size());
    return Row{{"phonemes", corpus::list_tensor(said.phones)},
               {"phoneme_words", weights::Tensor::of<std::int64_t>({count}, said.word_of_phone)},
               {"words", corpus::text_tensor(join(said.words, "\n"))}};
  };
}

}  // namespace

void register_stage_phonemes(Stages& stages) {
  stages.add({.name = "phonemes",
              .summary = "text → phones, by the front end that the voice will use",
              .makes = {"phonemes", "phoneme_words", "words"},
              .settings = [] { return settings_of_struct<PhonemeSettings>(fields); },
              .files = {"lexicon", "text.g2p"},
              .versions = rules,
              .settle = settle,
              .needs = [](const nlohmann::json&) { return std::vector<std::string>{}; },
              .rows = rows,
              .all = {}});
}

}  // namespace timbre::prepare
