#include "text/text_options.h"

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

std::string rules_of(const std::string& front_end, const TextOptions& options) {
  if (options.normalize != kWords || front_end.starts_with("ming024:")) return "";
  std::vector<std::string> versions;
  for (const std::string& language : languages_of_name(front_end))
    if (std::string version = rules_version(language_of_tag(language)); !version.empty())
      versions.push_back(std::move(version));
  return join(versions, ", ");
}

}  // namespace timbre::text
