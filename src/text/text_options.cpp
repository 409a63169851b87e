#include "text/text_options.h"

#include "text/espeak_front_end.h"
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
  const auto colon = front_end.find(':');
  const std::string kind = front_end.substr(0, colon);
  if (colon == std::string::npos || options.normalize != kWords ||
      (kind != "espeak" && kind != "arpabet" && kind != "pinyin"))
    return "";
  return rules_version(language_of_voice(std::string_view(front_end).substr(colon + 1)));
}

}  // namespace timbre::text
