#include "text/lexicon.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "text/data_table.h"
#include "text/letters.h"
#include "text/symbols.h"
#include "text/unicode_forms.h"

namespace timbre::text {
namespace {

// Fields between runs of white space; white space at an end makes an empty field there (Python's re.split).
std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields(1);
  bool gap = false;
  for (std::size_t at = 0; at < line.size();) {
    std::size_t begin = at;
    bool space = is_space(next_code_point(line, at));
    if (space && !gap) fields.emplace_back();
    if (!space) fields.back() += line.substr(begin, at - begin);
    gap = space;
  }
  return fields;
}

}  // namespace

Lexicon read_lexicon(const std::filesystem::path& file) { return parse_lexicon(read_file(file), file.string()); }

Lexicon parse_lexicon(std::string_view content, const std::string& where) {
  Lexicon lexicon;
  std::size_t number = 0;
  std::string text(content);
  std::replace(text.begin(), text.end(), '\r', '\n');
  for (const std::string& line : split(text, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    std::vector<std::string> fields = fields_of(line);
    if (fields.size() < 2 || (fields.size() == 2 && fields[1].empty()))
      throw DataError(fmt::format("{}:{}: the word '{}' has no phones", where, number, fields[0]),
                      "a line is: WORD PH PH …");
    std::string word = to_utf8(python_lower(to_code_points(fields[0])));
    fields.erase(fields.begin());
    lexicon.try_emplace(std::move(word), std::move(fields));
  }
  return lexicon;
}

bool is_arpabet(std::string_view phone) {
  return !phone.empty() && phone[0] >= 'A' && phone[0] <= 'Z' && ming024_symbol_id("@" + std::string(phone)) >= 0;
}

std::vector<std::string> cmudict_lookup(std::string_view word) {
  auto found = cmudict_table().find(word);
  return found ? split_whitespace(*found) : std::vector<std::string>{};
}

std::vector<std::string> cmudict_pronunciations(std::string_view word) {
  std::vector<std::string> all;
  if (const auto first = cmudict_table().find(word)) all.emplace_back(*first);
  if (const auto others = cmudict_others_table().find(word))
    for (std::string& other : split(*others, '|')) all.push_back(std::move(other));
  return all;
}

}  // namespace timbre::text
