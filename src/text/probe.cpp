#include "text/probe.h"

#include <map>
#include <stdexcept>

#include "base/error.h"
#include "base/hash.h"
#include "base/strings.h"
#include "text/probe_clauses.h"

namespace timbre::text {
namespace {

constexpr std::size_t kSentences = 200;

// Every clause stands at the head and at the end of several sentences, each pair of clauses once.
std::vector<std::string> pair_up(std::span<const std::string_view> clauses) {
  std::vector<std::string> out;
  for (std::size_t k = 0; k < kSentences; ++k) {
    std::size_t n = clauses.size(), round = k / n, head = k % n, tail = (head + 1 + 3 * round) % n;
    std::string_view mark = clauses[head].ends_with('?') || clauses[head].ends_with('!') ? "" : round % 2 ? ";" : ",";
    std::string_view end = clauses[tail].ends_with('?') || clauses[tail].ends_with('!') ? "" : ".";
    out.push_back(fmt::format("{}{} {}{}", clauses[head], mark, clauses[tail], end));
  }
  return out;
}

}  // namespace

const std::vector<std::string>& probe_sentences(std::string_view language) {
  static const auto all = [] {
    std::map<std::string, std::vector<std::string>, std::less<>> map;
    for (const ProbeClauses& set : probe_clauses()) map.emplace(set.language, pair_up(set.clauses));
    return map;
  }();
  auto it = all.find(language);
  return it == all.end() ? all.find("")->second : it->second;
}

Fingerprint fingerprint(FrontEnd& reader) {
  if (reader.readers().size() != 1)
    throw std::logic_error(reader.name() + " has a fingerprint for each of its readers");
  Fingerprint out{reader.name(), {}, reader.rules(), reader.guesser()};
  for (const std::string& sentence : probe_sentences(reader.language())) {
    std::string made;
    try {
      made = join(reader.phonemize(sentence).phones, " ");
    } catch (const UsageError& e) {  // a voice that cannot read a sentence answers so every time
      made = std::string("unreadable: ") + e.what();
    }
    out.sentences.push_back(hash_hex(made));
  }
  return out;
}

std::vector<std::string> differing_sentences(const Fingerprint& stored, const Fingerprint& now,
                                             std::string_view language) {
  const std::vector<std::string>& sentences = probe_sentences(language);
  std::vector<std::string> differing;
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    bool same = i < stored.sentences.size() && i < now.sentences.size() && stored.sentences[i] == now.sentences[i];
    if (!same) differing.push_back(sentences[i]);
  }
  return differing;
}

}  // namespace timbre::text
