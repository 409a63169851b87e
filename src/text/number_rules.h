#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

/// How a language spells whole numbers, as a table of rules (the idea of ICU's rule-based number formats, a small part
/// of their notation). One rule a line: the least number it is for, then words, in which
///   <<        what the number holds of the rule's power of ten, spelt with the plain rules; <x< with set x
///   >>        what is left over, spelt with the set in use; >x> with set x
///   =x=       the number itself with set x
///   [ … ]     left out when nothing is left over
///   {a/b/c}   the form for what << gave: one, few, many
///   '         first in the words: keeps the blanks behind it
/// "60/20 words" divides by 20 instead of the power of ten. "%x" begins set x; what a set lacks comes from the plain
/// rules, which stand first; "%%x" begins a set that is complete in itself.
class NumberRules {
 public:
  /// Which of the forms {one/few/many} goes with a number.
  using PluralOf = int (*)(std::uint64_t number);

  /// Throws std::logic_error for a table that is written wrongly: it is part of the program.
  NumberRules(std::string_view table, PluralOf plural);
  /// Words of a number; `set` "" or a name the table lacks = the plain rules.
  std::string say(std::uint64_t number, std::string_view set = {}) const;
  bool has(std::string_view set) const { return sets_.contains(set); }

 private:
  struct Rule {
    std::uint64_t base = 0, divisor = 1;
    std::string words;
  };
  using Rules = std::vector<Rule>;  // by rising base
  void say(std::uint64_t number, std::string_view set, int depth, std::string& out) const;

  std::map<std::string, Rules, std::less<>> sets_;
  std::set<std::string, std::less<>> complete_;
  PluralOf plural_;
};

}  // namespace timbre::text
