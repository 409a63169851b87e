#include "prepare/corpus_languages.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "base/strings.h"
#include "text/language_tag.h"
#include "text/multilingual_front_end.h"

namespace timbre::prepare {

std::map<std::string, std::int64_t> languages_of(const corpus::Corpus& corpus) {
  // A plan is made several times a run, and a worker would read the whole manifest each time.
  static std::mutex guard;
  static std::map<std::string, std::map<std::string, std::int64_t>> known;  // by the manifest's hash
  const std::scoped_lock lock(guard);
  auto [place, fresh] = known.try_emplace(corpus.hash());
  if (!fresh) return place->second;
  const auto count = [&](const corpus::Corpus& whole) {
    for (const corpus::Utterance& utterance : whole.utterances()) ++place->second[utterance.language];
  };
  if (corpus.whole())
    count(corpus);
  else
    count(corpus::Corpus::open(corpus.dir()));
  return place->second;
}

std::string settle_front_end(const std::string& front_end, const corpus::Corpus& corpus) {
  return front_end == text::kAutoFrontEnd ? text::front_end_for_languages(languages_of(corpus)) : front_end;
}

std::string unread_languages(const corpus::Corpus& corpus, const std::string& front_end) {
  const std::vector<std::string> read = text::languages_of_name(front_end);
  if (read.empty()) return "";
  std::int64_t unread = 0;
  std::vector<std::string> counts;
  for (const auto& [tag, utterances] : languages_of(corpus)) {
    const std::string language = text::language_of_tag(tag);
    if (language.empty() || std::any_of(read.begin(), read.end(), [&](const std::string& voice) {
          return text::language_of_tag(voice) == language;
        }))
      continue;
    unread += utterances;
    counts.push_back(fmt::format("{} {}", tag, utterances));
  }
  if (unread == 0) return "";
  return fmt::format(
      "{} of {} utterances are in languages that {} does not read ({}): {}; --front-end {} reads each in "
      "its own language",
      unread, corpus.size(), front_end, join(counts, ", "),
      read.size() > 1 ? "they are left out" : "they are read as if they were '" + read.front() + "'",
      text::kAutoFrontEnd);
}

}  // namespace timbre::prepare
