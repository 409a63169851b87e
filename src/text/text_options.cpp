#include "text/text_options.h"

#include <algorithm>
#include <iterator>

#include "base/strings.h"
#include "text/language_tag.h"
#include "text/multilingual_front_end.h"
#include "text/normalize.h"
#include "text/spoken.h"

namespace timbre::text {

config::Fields fields(TextOptions& o) {
  config::Fields f;
  f.add("normalize", o.normalize,
        "figures and signs: words (written out by the rules of the language), none (left to the front end)")
      .choices(normalizations());
  f.add("g2p", o.g2p,
        "a trained g2p voice that reads words in no lexicon (arpabet:en); the built-in network when empty")
      .metavar("VOICE");
  return f;
}

bool reads_figures_itself(std::string_view front_end) {
  constexpr std::string_view kKinds[] = {"ming024:", "phonemizer:", "pypinyin:", "vallex:"};
  return std::any_of(std::begin(kKinds), std::end(kKinds), [&](auto kind) { return front_end.starts_with(kind); });
}

std::string rules_of(const std::string& front_end, const TextOptions& options) {
  if (options.normalize != kWords || reads_figures_itself(front_end)) return "";
  std::vector<std::string> versions;
  for (const std::string& language : languages_of_name(front_end))
    if (std::string version = rules_version(language_of_tag(language)); !version.empty())
      versions.push_back(std::move(version));
  return join(versions, ", ");
}

}  // namespace timbre::text
