// folders: base config audio text tokenizer align weights corpus roles voice score
#include "base/error.h"
#include "base/json.h"
#include "fuzz/folder_input.h"
#include "score/preference.h"

/// The key of a listening test and a listener's answers: the first line is the key, the rest are the answers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.find('\n');
  try {
    const score::Comparison key = score::parse_comparison(parse_json(text.substr(0, end), "key"), "key");
    fuzz::must(score::to_json(key) == score::to_json(score::parse_comparison(score::to_json(key), "key")));
    if (end == std::string::npos) return 0;
    score::Verdict verdict;
    verdict.trials.resize(key.trials.size());
    score::count_listener(key, parse_json(text.substr(end), "answers"), "answers", verdict);
    fuzz::must(verdict.all.answers() <= static_cast<std::int64_t>(key.trials.size()));
    (void)score::to_text(key, verdict);
  } catch (const DataError&) {
  }
  return 0;
}
