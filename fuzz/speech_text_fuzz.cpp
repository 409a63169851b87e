// folders: base config weights text
#include "base/strings.h"
#include "fuzz/folder_input.h"
#include "text/clauses.h"
#include "text/cleaners.h"
#include "text/markup.h"
#include "text/normalize.h"
#include "text/phonemes.h"
#include "text/symbols.h"

#include <memory>

/// From any text to what is read aloud: cleaning, numbers and dates, clauses, ming024's cleaners, CMUdict and the
/// letter-to-sound network.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const std::string_view text(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 300));
  for (const char* language : {"en", "es", "fr", "it", "de", "ru", "zh"}) {
    std::vector<std::string> warnings;
    const std::string ready = text::normalize_for_speech(text, language, warnings);
    fuzz::must(is_valid_utf8(ready));
    fuzz::must(ready.find_first_of("0123456789") == std::string::npos);
    for (const auto& clause : text::split_clauses(ready, language)) {
      fuzz::must(clause.begin < clause.end && clause.end <= ready.size() && !clause.words.empty());
      for (const auto& word : clause.words) fuzz::must(clause.begin <= word.begin && word.end <= clause.end);
    }
  }
  fuzz::guarded([&] { (void)text::text_to_sequence(text, {"english_cleaners"}); });
  // Under the sanitizers the network takes a tenth of a second a word: short texts only.
  constexpr std::size_t kShort = 16;
  if (size > kShort) return 0;
  static const std::unique_ptr<text::FrontEnd> kFrontEnds[] = {text::make_front_end("arpabet:en"),
                                                               text::make_front_end("ming024:english")};
  for (const auto& front_end : kFrontEnds) {
    fuzz::guarded([&] {
      const text::Marked marked = text::parse_markup(text);
      const text::Phonemized said = front_end->phonemize(marked.plain, marked.spoken);
      fuzz::must(said.phones.size() == said.word_of_phone.size());
      for (const auto word : said.word_of_phone)
        fuzz::must(word >= -1 && word < static_cast<std::int64_t>(said.words.size()));
    });
  }
  return 0;
}
