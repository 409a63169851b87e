#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "models/fastspeech2/parity_parts.h"
#include "text/cleaners.h"
#include "text/ming024_front_end.h"
#include "text/phonemes.h"
#include "text/pinyin.h"
#include "text/prepare_align.h"
#include "text/symbols.h"

/// The text and data entries of the set, computed by text/ and prepare/.
namespace timbre::fastspeech2 {
namespace {

using nlohmann::json;
using roles::ParityRun;

constexpr const char* kCases = "cases.json";
const std::vector<std::string> kEnglish = {"english_cleaners"};

std::string text_at(const ParityRun& run, const std::string& pointer) { return run.input_json(kCases, pointer + "/text").get<std::string>(); }

void put_phones(ParityRun& run, const std::string& pointer, const std::string& front_end, const std::string& lexicon) {
  text::FrontEndOptions options;
  if (run.has_file(lexicon)) options.lexicon = run.input_path(lexicon);
  const auto phones = text::make_front_end(front_end, options)->phonemize(text_at(run, pointer)).phones;
  const std::string braced = text::braced(phones);
  run.put_json(kCases, pointer + "/phonemes", braced);
  run.put_json(kCases, pointer + "/ids", text::text_to_sequence(braced, kEnglish));
}

}  // namespace

void text_parity(ParityRun& run) {
  if (run.has_json(kCases, "/symbols")) run.put_json(kCases, "/symbols", text::ming024_symbols());
  for (const std::string& i : run.keys(kCases, "/english")) put_phones(run, "/english/" + i, "ming024:english", "lexicon_english.txt");
  for (const std::string& i : run.keys(kCases, "/mandarin")) {
    const std::string at = "/mandarin/" + i;
    run.put_json(kCases, at + "/pinyin", text::pinyin_tone3(text_at(run, at)));
    put_phones(run, at, "ming024:mandarin", "lexicon_pinyin_subset.txt");
  }
  for (const std::string& i : run.keys(kCases, "/text_to_sequence")) {
    const std::string at = "/text_to_sequence/" + i;
    const std::string given = text_at(run, at);
    const auto ids = text::text_to_sequence(given, kEnglish);
    run.put_json(kCases, at + "/cleaned", text::english_cleaners(given));
    run.put_json(kCases, at + "/ids", ids);
    run.put_json(kCases, at + "/back", text::sequence_to_text(ids));
    run.put_json(kCases, at + "/transliteration", text::transliteration_cleaners(given));
    run.put_json(kCases, at + "/basic", text::basic_cleaners(given));
  }
}

}  // namespace timbre::fastspeech2
