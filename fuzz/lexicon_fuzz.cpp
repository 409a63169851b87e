// folders: base config weights text
#include "fuzz/folder_input.h"
#include "text/ipa.h"
#include "text/lexicon.h"
#include "text/user_lexicon.h"

/// A voice's own words, ming024's lexicons, phones in IPA.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::guarded([&] {
    const text::UserLexicon lexicon = text::UserLexicon::parse(text, "lexicon.txt");
    for (const auto& entry : lexicon.all()) {
      fuzz::must(!entry.first.empty() && !entry.second.empty());
      fuzz::guarded([&] { (void)text::split_ipa(entry.second); });
    }
  });
  fuzz::guarded([&] {
    for (const auto& [word, phones] : text::parse_lexicon(text, "lexicon.txt")) fuzz::must(!phones.empty());
  });
  for (const auto& phone : text::split_espeak_phoneme(text.substr(0, 100))) (void)text::plainer_ipa(phone);
  return 0;
}
