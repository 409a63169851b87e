#include "text/number_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "base/strings.h"

namespace timbre::text {
namespace {

[[noreturn]] void broken(std::string_view line) {
  throw std::logic_error(fmt::format("number rules: cannot read '{}'", line));
}

std::uint64_t number_of(std::string_view digits, std::string_view line) {
  const auto value = parse_int(digits);
  if (!value || *value < 0) broken(line);
  return static_cast<std::uint64_t>(*value);
}

}  // namespace

NumberRules::NumberRules(std::string_view table, PluralOf plural) : plural_(plural) {
  std::string set;
  for (const std::string& line : split(table, '\n')) {
    std::string_view rest = trim(line);
    if (rest.empty()) continue;
    if (rest[0] == '%') {
      const bool complete = rest.starts_with("%%");
      set = rest.substr(complete ? 2 : 1);
      if (complete) complete_.insert(set);
      continue;
    }
    Rule rule;
    const auto end = rest.find(' ');
    if (end == rest.npos) broken(line);
    std::string_view head = rest.substr(0, end);
    const auto slash = head.find('/');
    rule.base = number_of(head.substr(0, slash), line);
    if (slash != head.npos) {
      rule.divisor = number_of(head.substr(slash + 1), line);
    } else {
      while (rule.base / rule.divisor >= 10) rule.divisor *= 10;
    }
    rest.remove_prefix(end + 1);
    if (rest.starts_with('\'')) rest.remove_prefix(1);
    rule.words = rest;
    Rules& rules = sets_[set];
    if (rule.divisor == 0 || (!rules.empty() && rules.back().base >= rule.base)) broken(line);
    rules.push_back(std::move(rule));
  }
  if (!sets_.contains("") || sets_.at("").front().base != 0) broken("a table without a rule for 0");
}

std::string NumberRules::say(std::uint64_t number, std::string_view set) const {
  std::string out;
  say(number, set, 0, out);
  return out;
}

void NumberRules::say(std::uint64_t number, std::string_view set, int depth, std::string& out) const {
  constexpr int kDeepest = 64;
  if (depth > kDeepest) broken("a rule that calls itself for ever");
  const auto find = [&](std::string_view name) -> const Rule* {
    const auto rules = sets_.find(name);
    if (rules == sets_.end()) return nullptr;
    const auto it = std::upper_bound(rules->second.begin(), rules->second.end(), number,
                                     [](std::uint64_t n, const Rule& r) { return n < r.base; });
    return it == rules->second.begin() ? nullptr : &*std::prev(it);
  };
  const Rule* rule = find("");
  if (const Rule* own = find(set); own && (own->base >= rule->base || complete_.contains(set))) rule = own;
  const std::uint64_t quotient = number / rule->divisor, left = number % rule->divisor;
  std::string_view words = rule->words;
  while (!words.empty()) {
    const char c = words[0];
    const auto close = words.size() > 1 ? words.find(c, 1) : words.npos;
    if (c == '<' || c == '>' || c == '=') {
      if (close == words.npos) broken(rule->words);
      const std::string_view name = words.substr(1, close - 1);
      say(c == '<' ? quotient : c == '>' ? left : number, c == '>' && name.empty() ? set : name, depth + 1, out);
      words.remove_prefix(close + 1);
    } else if (c == '[') {
      const auto end = words.find(']');
      if (end == words.npos) broken(rule->words);
      words.remove_prefix(left == 0 ? end + 1 : 1);
    } else if (c == '{') {
      const auto end = words.find('}');
      if (end == words.npos) broken(rule->words);
      const auto forms = split(words.substr(1, end - 1), '/');
      out += forms[std::min<std::size_t>(static_cast<std::size_t>(plural_(quotient)), forms.size() - 1)];
      words.remove_prefix(end + 1);
    } else {
      if (c != ']') out += c;
      words.remove_prefix(1);
    }
  }
}

}  // namespace timbre::text
