#include "score/prompts.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/rng.h"
#include "base/strings.h"
#include "corpus/split.h"
#include "text/language_tag.h"

namespace timbre::score {
namespace {
constexpr const char* kRecognized = "en";  // what CMU PocketSphinx' model hears
}

std::vector<Prompt> closed_grammar(const corpus::Corpus& corpus, const Recognizer& recognizer, std::int64_t min_words) {
  std::vector<Prompt> prompts;
  std::set<std::string> seen;
  for (const auto& utterance : corpus.utterances()) {
    if (!utterance.language.empty() && !text::tag_fits(utterance.language, kRecognized)) continue;
    const auto words = prompt_words(utterance.text);
    if (static_cast<std::int64_t>(words.size()) < min_words) continue;
    const std::string sentence = join(words, " ");
    if (!std::all_of(words.begin(), words.end(), [&](const auto& w) { return recognizer.knows(w); })) continue;
    if (seen.insert(sentence).second) prompts.push_back({utterance.id, sentence});
  }
  return prompts;
}

std::vector<Prompt> prompts_of_language(const corpus::Corpus& corpus, const std::string& language,
                                        std::int64_t min_words) {
  std::vector<Prompt> prompts;
  std::set<std::string> seen;
  for (const auto& utterance : corpus.utterances()) {
    if (!text::tag_fits(utterance.language, language)) continue;
    if (static_cast<std::int64_t>(split_whitespace(utterance.text).size()) < min_words) continue;
    const std::string sentence = corpus::text_key(utterance.text);
    if (!sentence.empty() && seen.insert(sentence).second) prompts.push_back({utterance.id, sentence});
  }
  return prompts;
}

std::vector<Prompt> choose_heldout(const std::vector<Prompt>& prompts, std::int64_t count, std::uint64_t seed) {
  if (count < 1 || static_cast<std::size_t>(count) > prompts.size()) {
    throw DataError(fmt::format("{} prompts were asked for, {} can be recognised", count, prompts.size()),
                    "ask for fewer: --count");
  }
  std::vector<std::size_t> order(prompts.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  Philox rng(seed);
  rng.shuffle(order);
  order.resize(static_cast<std::size_t>(count));
  std::sort(order.begin(), order.end());
  std::vector<Prompt> chosen;
  chosen.reserve(order.size());
  for (const auto i : order) chosen.push_back(prompts[i]);
  return chosen;
}

}  // namespace timbre::score
