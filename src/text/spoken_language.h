#pragma once
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/number_rules.h"

/// How a language reads aloud what is written in figures and signs. Most of it is tables (languages/*.cpp, one file a
/// language); what needs a rule of grammar is a virtual function with a default.
namespace timbre::text {

/// A thing that is counted.
struct Noun {
  std::string gender;              ///< the set of number rules that goes with it: "m", "f", "n"
  std::vector<std::string> forms;  ///< one, few, many; or one, many
};

/// A number as it was written, without the marks between thousands.
struct Amount {
  std::string whole, fraction;  ///< digits; fraction empty = a whole number
  bool negative = false;
  bool one() const { return whole == "1" && fraction.empty(); }
};

/// What stands around: the neighbouring words in lower case, "" at a clause's end.
struct Place {
  std::string before, after;
  bool starts = false;         ///< the first word of a clause
  bool after_capital = false;  ///< `after` was written with a capital
};

struct Date {
  std::string year;  ///< digits; "" = none
  int month = 0, day = 0;
  bool ordinal = false;  ///< the day was written as one: "1er", "3."
  enum class Style { figures, day_first, month_first } style = Style::figures;
};

struct ClockTime {
  int hour = 0, minute = 0, second = -1;
  std::string half;    ///< words for the half of the day, "" = none
  bool named = false;  ///< a word such as "Uhr" or "h" followed
};

struct Currency {
  std::vector<std::string> signs;  ///< "€", "EUR"
  Noun major, minor;
};

/// A power of ten with a name of its own: "Mio.", "million".
struct Scale {
  std::vector<std::string> signs;
  Noun noun;
};

/// The tables. Lines end at '\n'; fields are separated by '|', alternatives by blanks where no alternative holds one
/// and by ';' otherwise, forms of a noun by '/'.
struct LanguageTables {
  std::string_view code = {};
  int version = 1;     ///< to be raised with every change of what the rules make
  bool spaced = true;  ///< blanks between words
  char decimal_mark = '.';
  std::string_view group_marks = {};  ///< each may stand between thousands
  std::string_view numbers = {};      ///< number_rules.h
  std::string_view endings = {};      ///< "form: from>to …": how words change; "=from" a whole word or phrase
  std::string_view words = {};        ///< "key=words": point, minus, dot, at …
  std::string_view currencies = {};   ///< signs | major | minor, a noun as "m Euro/Euro"
  std::string_view scales = {};       ///< signs (;) | noun
  std::string_view units = {};        ///< signs (;) | noun
  std::string_view months = {};       ///< twelve lines: spellings (;), the first is said
  std::string_view abbreviations =
      {};  ///< "short=words"; "short>A=" before a capital, ">0=" before a digit, ">a=" a small one
  std::string_view ordinal_marks = {};  ///< "mark|form"
  std::string_view halves = {};         ///< "a.m.|words": halves of the day
  std::string_view clock_marks = {};    ///< between hours and minutes, (blanks separate)
  std::string_view clock_words = {};    ///< words behind a time that belong to it (;)
  std::string_view spelt = {};          ///< acronyms that are read letter by letter (blanks)
  std::string_view roman_before = {};   ///< words before a Roman number that is read as a plain one
  std::string_view roman_names = {};    ///< names before a Roman number that is read as an ordinal
  std::string_view date_order = {};     ///< "dmy" or "mdy" for 1/2/2026
};

class Language {
 public:
  Language(const LanguageTables& tables, NumberRules::PluralOf plural);
  virtual ~Language() = default;

  std::string_view code() const { return tables_.code; }
  int version() const { return tables_.version; }
  const LanguageTables& tables() const { return tables_; }

  /// The words under a key of the table; "" when it has none.
  std::string_view word(std::string_view key) const;

  std::string cardinal(std::uint64_t number, std::string_view set = {}) const { return numbers_.say(number, set); }
  /// Whole numbers of any length: above 15 digits, and with zeros in front, digit by digit.
  std::string whole(std::string_view digits, std::string_view set = {}) const;
  std::string digit_by_digit(std::string_view digits) const;
  virtual std::string fraction_digits(std::string_view digits) const { return digit_by_digit(digits); }
  virtual std::string number(const Amount& amount, std::string_view set = {}) const;
  virtual std::string ordinal(std::uint64_t number, std::string_view form) const;
  /// The form a mark behind a number asks for, "" when it makes no ordinal here.
  virtual std::string ordinal_form(std::string_view mark, const Place& place) const;
  virtual std::string year(std::string_view digits, const Place& place) const;
  /// A number with one of the marks of the key "year_marks" behind it ("1999 г."): words for both.
  virtual std::string year_mark(std::string_view digits, const Place& place) const { return year(digits, place); }
  /// A bare whole number that is neither counted nor measured.
  virtual std::string bare(const Amount& amount, const Place& place) const;
  virtual std::string count(const Amount& amount, const Noun& noun) const;
  /// The same beside other words, which may ask for another case.
  virtual std::string counted(const Amount& amount, const Noun& noun, const Place&) const {
    return count(amount, noun);
  }
  virtual std::string money(const Amount& amount, const Currency& currency, const Scale* scale) const;
  virtual std::string date(const Date& date, const Place& place) const = 0;
  virtual std::string clock(const ClockTime& time, const Place& place) const = 0;
  /// "3/4", "2 1/2"; whole 0 = none.
  virtual std::string fraction(std::uint64_t whole, std::uint64_t above, std::uint64_t below) const;
  /// From one to another, with what is counted.
  virtual std::string range(const Amount& from, const Amount& to, const Noun* noun, const Place& place) const;
  virtual std::string roman(std::uint64_t number, const Place& place) const;
  virtual std::string letters(std::string_view capitals) const;
  virtual std::string telephone(const std::vector<std::string>& groups) const;
  /// What stands between a whole million and its noun: "de ", "d'".
  virtual std::string after_million(const std::string&) const { return ""; }

  std::string month_name(int month) const { return months_.at(static_cast<std::size_t>(month - 1)).front(); }
  const std::vector<std::vector<std::string>>& months() const { return months_; }
  const std::vector<Currency>& currencies() const { return currencies_; }
  const std::vector<Scale>& scales() const { return scales_; }
  const std::vector<Scale>& units() const { return units_; }
  const std::map<std::string, std::string, std::less<>>& abbreviations() const { return abbreviations_; }
  const std::vector<std::string>& ordinal_marks() const { return ordinal_marks_; }
  const std::vector<std::pair<std::string, std::string>>& halves() const { return halves_; }
  const std::vector<std::string>& clock_words() const { return clock_words_; }
  bool is_spelt(std::string_view capitals) const;

  /// "m Euro/Euro" → the noun.
  static Noun noun_of(std::string_view text);
  int plural(std::uint64_t number) const { return plural_(number); }
  /// The form of a noun for a number.
  const std::string& form(const Amount& amount, const Noun& noun) const;
  virtual int plural_of(const Amount& amount) const;
  /// Changes the last words of `words` by the endings of `form`.
  std::string rewrite(std::string words, std::string_view form) const;
  /// Joins words with this language's blank, leaving out empty ones.
  std::string joined(std::initializer_list<std::string_view> words) const;

 private:
  struct Ending {
    std::string from, to;
    bool entire;
  };
  LanguageTables tables_;
  NumberRules::PluralOf plural_;
  NumberRules numbers_;
  std::map<std::string, std::string, std::less<>> words_, abbreviations_, ordinal_forms_;
  std::map<std::string, std::vector<Ending>, std::less<>> endings_;
  std::vector<Currency> currencies_;
  std::vector<Scale> scales_, units_;
  std::vector<std::vector<std::string>> months_;
  std::vector<std::string> ordinal_marks_, clock_words_, spelt_;
  std::vector<std::pair<std::string, std::string>> halves_;
};

/// Whether `word` stands in a list of words separated by blanks.
bool listed(std::string_view word, std::string_view list);

/// The languages there are, made on first use.
class Languages {
 public:
  using Maker = const Language& (*)();
  void add(const std::string& code, Maker make) { makers_.emplace(code, make); }
  const std::map<std::string, Maker, std::less<>>& all() const { return makers_; }

 private:
  std::map<std::string, Maker, std::less<>> makers_;
};
/// Generated from the files of text/languages/.
void register_all_languages(Languages& languages);

const Languages& languages();
/// By its code ("en-gb" counts as en); null for a language without rules.
const Language* find_language(std::string_view code);
/// The codes find_language() knows.
std::vector<std::string> spoken_languages();

}  // namespace timbre::text
