#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace timbre::text {

/// What and by what.
using Replacement = std::pair<std::string_view, std::string_view>;

/// A text with every occurrence replaced from left to right, one rule after the other, as a chain of Python's
/// str.replace does it.
inline std::string replaced(std::string text, std::initializer_list<Replacement> rules) {
  for (const auto& [from, to] : rules)
    for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
      text.replace(at, from.size(), to);
  return text;
}

}  // namespace timbre::text
