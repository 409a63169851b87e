#include "text/user_lexicon.h"

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "text/letters.h"

namespace timbre::text {
namespace {

std::string_view without_slashes(std::string_view phones) {
  phones = trim(phones);
  if (phones.size() >= 2 && phones.front() == '/' && phones.back() == '/')
    phones = trim(phones.substr(1, phones.size() - 2));
  return phones;
}

}  // namespace

void UserLexicon::add(std::string_view word, std::string phones) {
  phones_[to_lower(word)] = std::string(without_slashes(phones));
}

const std::string* UserLexicon::find(std::string_view word) const {
  if (phones_.empty()) return nullptr;
  auto it = phones_.find(to_lower(word));
  return it == phones_.end() ? nullptr : &it->second;
}

UserLexicon UserLexicon::read(const std::filesystem::path& file) { return parse(read_file(file), file.string()); }

UserLexicon UserLexicon::parse(std::string_view text, const std::string& where) {
  UserLexicon lexicon;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::size_t number = 0;
  const std::string expected = "write word<TAB>/ipa/ on each line, for example: tomato<TAB>/təˈmeɪtoʊ/";
  for (const std::string& raw : split(text, '\n')) {
    ++number;
    std::string_view line = std::string_view(raw).substr(0, raw.find_last_not_of(" \t\r") + 1);
    if (trim(line).empty() || line.front() == '#') continue;
    auto fail = [&](const std::string& what) {
      return DataError(fmt::format("{}:{}: {}: '{}'", where, number, what, line), expected);
    };
    auto tab = line.find('\t');
    if (!is_valid_utf8(line))
      throw DataError(fmt::format("{}:{}: not UTF-8", where, number), "save the lexicon as UTF-8");
    if (tab == line.npos && raw.find('\t') == raw.npos) throw fail("no tab between word and phones");
    std::string_view word = trim(line.substr(0, tab)),
                     phones = tab == line.npos ? "" : without_slashes(line.substr(tab + 1));
    if (word.empty()) throw fail("no word before the tab");
    if (word.find(' ') != word.npos) throw fail("an entry is one word, without blanks");
    if (phones.empty()) throw fail("no phones behind the word");
    if (lexicon.find(word)) throw fail("this word stands in the lexicon twice");
    lexicon.add(word, std::string(phones));
  }
  return lexicon;
}

}  // namespace timbre::text
