#include "text/vallex_sentences.h"

#include <limits>

#include "text/letters.h"
#include "text/sentences.h"

namespace timbre::text {
namespace {

std::vector<std::string> cut_behind(std::string_view text, std::u32string_view ends) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (ends.find(next_code_point(text, at)) == ends.npos) continue;
    out.emplace_back(text.substr(begin, at - begin));
    begin = at;
  }
  if (begin < text.size()) out.emplace_back(text.substr(begin));
  return out;
}

}  // namespace

std::vector<std::string> vallex_sentences(std::string_view text, std::string_view language) {
  if (language == "zh") return cut_behind(text, U"。！？");
  if (language == "ja") return cut_behind(text, U"。．！？!?｡");
  const std::string code(language);
  const SentenceOptions options{.language = code, .max_code_points = std::numeric_limits<std::size_t>::max() / 8};
  std::vector<std::string> out;
  std::size_t begin = 0, end = 0;  // of the sentence at hand
  for (const Sentence& s : split_sentences(text, options)) {
    std::size_t at = s.begin;
    const bool goes_on = text.substr(begin, end - begin).ends_with("...") && is_lower(next_code_point(text, at));
    if (end > 0 && !goes_on) out.emplace_back(text.substr(begin, end - begin));
    if (end == 0 || !goes_on) begin = s.begin;
    end = s.end;
  }
  if (end > 0) out.emplace_back(text.substr(begin, end - begin));
  return out;
}

}  // namespace timbre::text
