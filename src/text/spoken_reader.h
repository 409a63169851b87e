#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/spoken_language.h"

namespace timbre::text {

/// Reads a cleaned text (clean_unicode) from left to right and writes out in words what stands in figures and signs.
/// Each rule takes what it knows, or leaves the place as it was.
class SpokenReader {
 public:
  SpokenReader(std::string_view text, const Language& language) : text_(text), language_(language) {}
  std::string run();

 private:
  /// A number and where it ends.
  struct Found {
    Amount amount;
    std::size_t end = 0;
    bool grouped = false;  ///< with marks between thousands
  };
  /// What is counted or measured by a number, and where its sign ends.
  struct Counted {
    enum class Kind { unit, percent, scale, currency } kind = Kind::unit;
    Noun noun;
    const Currency* currency = nullptr;
    const Scale* scale = nullptr;
    std::size_t end = 0;
  };

  // spoken_reader.cpp: places in the text, words, signs
  char look(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  std::string_view from(std::size_t at) const { return text_.substr(std::min(at, text_.size())); }
  bool word_begins() const;
  bool open_at(std::size_t at) const;  ///< no word goes on there
  bool starts(std::size_t at, std::string_view sign) const;
  std::size_t past_blank(std::size_t at) const { return at < text_.size() && text_[at] == ' ' ? at + 1 : at; }
  std::optional<std::size_t> digits(std::size_t at, std::size_t least, std::size_t most) const;
  int value(std::size_t begin, std::size_t end) const;
  Place place(std::size_t begin, std::size_t end) const;
  void say(std::string_view words, std::size_t end);
  bool address();
  bool abbreviation();
  bool dotted_letters();
  bool roman();
  bool acronym();
  bool sign();

  // spoken_numbers.cpp
  std::optional<Found> amount_at(std::size_t at) const;
  std::optional<Counted> counted_at(std::size_t end) const;
  const Currency* currency_at(std::size_t at, std::size_t& end) const;
  bool joins_before_sign(std::size_t at) const;
  std::optional<std::size_t> dash_at(std::size_t at) const;  ///< behind a dash between two numbers
  bool money();
  bool number();
  bool say_counted(const Found& found, const Counted& counted);
  void say_per();
  bool range(const Found& found);
  bool broken_number(const Found& found);  ///< 3/4, 2 1/2, 2½
  bool dotted_number(const Found& found);  ///< 3.14.2
  bool ordinal(const Found& found);
  bool year_mark(const Found& found);
  bool vulgar_fraction();

  // spoken_times.cpp
  std::optional<std::size_t> month_at(std::size_t at, int& month) const;
  void say_date(const Date& date, std::size_t end);
  bool numeric_date();
  bool written_date(const Found& found);
  bool month_first();
  std::size_t year_behind(std::size_t at, Date& date) const;
  std::optional<std::size_t> clock_at(std::size_t at, ClockTime& time) const;
  std::size_t half_behind(std::size_t at, ClockTime& time) const;
  bool clock();
  bool telephone();
  bool decade();

  std::string_view text_;
  const Language& language_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace timbre::text
