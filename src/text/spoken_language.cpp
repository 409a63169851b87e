#include "text/spoken_language.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "base/strings.h"
#include "text/letters.h"
#include "text/spoken.h"

namespace timbre::text {
namespace {

// Longer numbers are accounts and cards, which nobody reads as quadrillions.
constexpr std::size_t kLongestRead = 15;

/// Lines of a table, each cut at '|'.
std::vector<std::vector<std::string>> rows_of(std::string_view table) {
  std::vector<std::vector<std::string>> rows;
  for (const std::string& line : split(table, '\n')) {
    if (trim(line).empty()) continue;
    std::vector<std::string>& row = rows.emplace_back();
    for (const std::string& field : split(line, '|')) row.emplace_back(trim(field));
  }
  return rows;
}

std::map<std::string, std::string, std::less<>> pairs_of(std::string_view table) {
  std::map<std::string, std::string, std::less<>> pairs;
  for (const std::string& line : split(table, '\n')) {
    const std::string_view row = trim(line);
    const auto equals = row.find('=', 1);  // "=" may be a key
    if (row.empty()) continue;
    if (equals == row.npos || !pairs.try_emplace(std::string(row.substr(0, equals)), row.substr(equals + 1)).second)
      throw std::logic_error(fmt::format("language table: '{}' is no new key=words", row));
  }
  return pairs;
}

std::vector<std::string> alternatives(std::string_view field) {
  std::vector<std::string> out;
  for (const std::string& one : split(field, ';')) out.emplace_back(trim(one));
  return out;
}

std::vector<Scale> nouns_of(std::string_view table) {
  std::vector<Scale> out;
  for (const auto& row : rows_of(table)) out.push_back({alternatives(row.at(0)), Language::noun_of(row.at(1))});
  return out;
}

}  // namespace

bool listed(std::string_view word, std::string_view list) {
  if (word.empty()) return false;
  for (std::size_t at = list.find(word); at != list.npos; at = list.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const auto blank = [&](std::size_t i) { return list[i] == ' ' || list[i] == '\n'; };
    if ((at == 0 || blank(at - 1)) && (end == list.size() || blank(end))) return true;
  }
  return false;
}

Noun Language::noun_of(std::string_view text) {
  const auto blank = text.find(' ');
  if (blank == text.npos) throw std::logic_error(fmt::format("language table: '{}' is no noun", text));
  return {std::string(text.substr(0, blank)), split(text.substr(blank + 1), '/')};
}

Language::Language(const LanguageTables& tables, NumberRules::PluralOf plural_of_number)
    : tables_(tables),
      plural_(plural_of_number),
      numbers_(tables.numbers, plural_of_number),
      words_(pairs_of(tables.words)),
      abbreviations_(pairs_of(tables.abbreviations)),
      scales_(nouns_of(tables.scales)),
      units_(nouns_of(tables.units)),
      clock_words_(alternatives(tables.clock_words)),
      spelt_(split_whitespace(tables.spelt)) {
  for (const auto& row : rows_of(tables.currencies))
    currencies_.push_back({split_whitespace(row.at(0)), noun_of(row.at(1)), noun_of(row.at(2))});
  for (const auto& row : rows_of(tables.months)) months_.push_back(alternatives(row.at(0)));
  for (const auto& row : rows_of(tables.ordinal_marks)) {
    ordinal_marks_.push_back(row.at(0));
    ordinal_forms_[row.at(0)] = row.at(1);
  }
  for (const auto& row : rows_of(tables.halves)) halves_.emplace_back(row.at(0), row.at(1));
  const auto longer = [](const std::string& a, const std::string& b) { return a.size() > b.size(); };
  std::stable_sort(ordinal_marks_.begin(), ordinal_marks_.end(), longer);
  for (const std::string& line : split(tables.endings, '\n')) {
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    std::vector<Ending>& list = endings_[std::string(trim(std::string_view(line).substr(0, colon)))];
    for (const std::string& pair : split(line.substr(colon + 1), ';')) {
      std::string_view rest = trim(pair);
      const bool entire = rest.starts_with('=');
      const auto arrow = rest.find('>');
      if (arrow == rest.npos) throw std::logic_error(fmt::format("language table: '{}' is no from>to", pair));
      list.push_back({std::string(rest.substr(entire, arrow - entire)), std::string(rest.substr(arrow + 1)), entire});
    }
  }
}

std::string_view Language::word(std::string_view key) const {
  const auto it = words_.find(key);
  return it == words_.end() ? std::string_view() : it->second;
}

std::string Language::joined(std::initializer_list<std::string_view> words) const {
  std::string out;
  for (const std::string_view one : words) {
    if (one.empty()) continue;
    if (!out.empty() && tables_.spaced && !out.ends_with('\'')) out += ' ';
    out += one;
  }
  return out;
}

std::string Language::rewrite(std::string words, std::string_view form) const {
  const auto list = endings_.find(form);
  if (list == endings_.end()) return words;
  for (const Ending& ending : list->second) {
    if (ending.entire ? words != ending.from : !words.ends_with(ending.from)) continue;
    return words.substr(0, words.size() - ending.from.size()) + ending.to;
  }
  return words;
}

std::string Language::digit_by_digit(std::string_view digits) const {
  std::string out;
  for (const char digit : digits) out = joined({out, cardinal(static_cast<std::uint64_t>(digit - '0'), "digit")});
  return out;
}

std::string Language::whole(std::string_view digits, std::string_view set) const {
  if (digits.size() > kLongestRead || (digits.size() > 1 && digits[0] == '0')) return digit_by_digit(digits);
  return cardinal(static_cast<std::uint64_t>(parse_int(digits).value_or(0)), set);
}

std::string Language::number(const Amount& amount, std::string_view set) const {
  const std::string_view minus = amount.negative ? word("minus") : std::string_view();
  if (amount.fraction.empty()) return joined({minus, whole(amount.whole, set)});
  return joined({minus, whole(amount.whole), word("point"), fraction_digits(amount.fraction)});
}

std::string Language::ordinal(std::uint64_t number, std::string_view form) const {
  return rewrite(cardinal(number), form);
}

std::string Language::ordinal_form(std::string_view mark, const Place&) const {
  const auto it = ordinal_forms_.find(mark);
  return it == ordinal_forms_.end() ? "" : it->second;
}

std::string Language::year(std::string_view digits, const Place&) const { return whole(digits); }

std::string Language::bare(const Amount& amount, const Place&) const { return number(amount); }

int Language::plural_of(const Amount& amount) const {
  if (!amount.fraction.empty() || amount.whole.size() > kLongestRead) return 1;
  return plural_(static_cast<std::uint64_t>(parse_int(amount.whole).value_or(0)));
}

const std::string& Language::form(const Amount& amount, const Noun& noun) const {
  return noun.forms[std::min(static_cast<std::size_t>(plural_of(amount)), noun.forms.size() - 1)];
}

std::string Language::count(const Amount& amount, const Noun& noun) const {
  const std::string& thing = form(amount, noun);
  const bool millions = amount.fraction.empty() && amount.whole.size() > 6 && amount.whole.ends_with("000000");
  return joined({number(amount, noun.gender), millions ? after_million(thing) + thing : thing});
}

std::string Language::money(const Amount& amount, const Currency& currency, const Scale* scale) const {
  if (scale) {
    const std::string& thing = currency.major.forms.back();
    return joined({count(amount, scale->noun), after_million(thing) + thing});
  }
  constexpr std::size_t kMinorDigits = 2;
  if (amount.fraction.size() != kMinorDigits) return count(amount, currency.major);
  Amount minor{amount.fraction[0] == '0' ? amount.fraction.substr(1) : amount.fraction, "", false};
  Amount major{amount.whole, "", amount.negative};
  if (minor.whole == "0") return count(major, currency.major);
  if (major.whole.find_first_not_of('0') == std::string::npos) {
    minor.negative = amount.negative;
    return count(minor, currency.minor);
  }
  const bool bare = word("cents") == "bare";
  return joined({count(major, currency.major), word("and_cents"), bare ? number(minor) : count(minor, currency.minor)});
}

std::string Language::fraction(std::uint64_t whole, std::uint64_t above, std::uint64_t below) const {
  if (whole == 0 && above >= below) return joined({cardinal(above), cardinal(below)});  // 50/50
  const std::string head = whole > 0 ? joined({cardinal(whole), word("and")}) : "";
  return joined({head, cardinal(above), word("over"), cardinal(below)});
}

std::string Language::range(const Amount& from, const Amount& to, const Noun* noun, const Place&) const {
  const std::string_view set = noun ? std::string_view(noun->gender) : std::string_view();
  return joined(
      {number(from, from.one() ? std::string_view() : set), word("to"), noun ? count(to, *noun) : number(to)});
}

std::string Language::roman(std::uint64_t number, const Place& place) const {
  if (listed(place.before, tables_.roman_before)) return cardinal(number);
  return listed(place.before, tables_.roman_names) ? ordinal(number, "regnal") : "";
}

std::string Language::letters(std::string_view capitals) const {
  std::string out;
  for (std::size_t at = 0; at < capitals.size();) {
    const std::size_t begin = at;
    next_code_point(capitals, at);
    out = joined({out, capitals.substr(begin, at - begin)});
  }
  return out;
}

std::string Language::telephone(const std::vector<std::string>& groups) const {
  std::string out;
  for (const std::string& group : groups) {
    const std::string said = group == "+" ? std::string(word("plus")) : digit_by_digit(group);
    if (!out.empty()) out += out == word("plus") ? " " : ", ";
    out += said;
  }
  return out;
}

bool Language::is_spelt(std::string_view capitals) const {
  return std::find(spelt_.begin(), spelt_.end(), capitals) != spelt_.end();
}

const Languages& languages() {
  static const Languages kAll = [] {
    Languages all;
    register_all_languages(all);
    return all;
  }();
  return kAll;
}

const Language* find_language(std::string_view code) {
  const auto& all = languages().all();
  const auto it = all.find(code.substr(0, code.find_first_of("-_")));
  return it == all.end() ? nullptr : &it->second();
}

std::string rules_version(std::string_view code) {
  const Language* language = find_language(code);
  return language ? fmt::format("{}-{}", language->code(), language->version()) : "";
}

std::vector<std::string> spoken_languages() {
  std::vector<std::string> codes;
  for (const auto& [code, make] : languages().all()) codes.push_back(code);
  return codes;
}

}  // namespace timbre::text
