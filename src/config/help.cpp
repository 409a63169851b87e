#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cctype>
#include <limits>

#include "base/strings.h"
#include "config/fields.h"
#include "config/scalar.h"

namespace timbre::config {
namespace {

constexpr std::size_t kWidth = 100;  // columns of a help page
constexpr std::size_t kIndent = 30;  // where the explanations begin

/// Columns, not bytes: help texts contain "×" and "≥".
std::size_t columns(const std::string& text) { return to_code_points(text).size(); }

std::string value_word(const Field& field) {
  struct Visitor {
    std::string operator()(const bool*) const { return ""; }
    std::string operator()(const std::int64_t*) const { return "N"; }
    std::string operator()(const double*) const { return "X"; }
    std::string operator()(const std::string*) const { return "TEXT"; }
    std::string operator()(const std::optional<std::int64_t>*) const { return "N"; }
    std::string operator()(const std::optional<double>*) const { return "X"; }
    std::string operator()(const std::optional<std::string>*) const { return "TEXT"; }
    std::string operator()(const std::vector<std::int64_t>*) const { return "N,…"; }
    std::string operator()(const std::vector<double>*) const { return "X,…"; }
    std::string operator()(const std::vector<std::string>*) const { return "TEXT,…"; }
  };
  return field.metavar().empty() ? std::visit(Visitor{}, field.ref()) : field.metavar();
}

std::string head_of(const Field& field) {
  if (field.is_positional()) return "  " + shown_name(field) + (field.is_list() ? " …" : "");
  const std::string head = field.letter() != 0 ? fmt::format("  -{}, {}", field.letter(), flag_of(field.name()))
                                               : "      " + flag_of(field.name());
  const std::string word = value_word(field);
  return word.empty() ? head : head + " " + word;
}

/// The help sentence with what follows from the list: default, choices, range, other spellings.
std::string body_of(const Field& field) {
  std::vector<std::string> facts;
  if (field.is_required()) facts.emplace_back("required");
  const std::string& by_default = field.default_text();
  const bool silent = field.is_required() || by_default == "false" || by_default == "null" || by_default == "\"\"" ||
                      by_default == "[]";
  if (by_default == "true") {
    facts.push_back("default; off with --no-" + flag_of(field.name()).substr(2));
  } else if (!silent) {
    facts.push_back("default " + by_default);
  }
  if (!field.allowed().empty()) facts.push_back("one of " + join(field.allowed(), ", "));
  const bool low = field.low() > -std::numeric_limits<double>::infinity();
  const bool high = field.high() < std::numeric_limits<double>::infinity();
  if (low && high) {
    facts.push_back(fmt::format("{} to {}", field.low(), field.high()));
  } else if (low) {
    facts.push_back(fmt::format("at least {}", field.low()));
  } else if (high) {
    facts.push_back(fmt::format("at most {}", field.high()));
  }
  for (const std::string& alias : field.aliases()) facts.push_back("also --" + alias);
  return facts.empty() ? field.help() : fmt::format("{} ({})", field.help(), join(facts, "; "));
}

std::string wrapped(const std::string& head, const std::string& body) {
  std::string out = head;
  std::size_t column = columns(head);
  if (column + 2 > kIndent) {
    out += '\n';
    column = 0;
  }
  const auto pad = [&] {
    out += std::string(kIndent - column, ' ');
    column = kIndent;
  };
  pad();
  bool first = true;
  for (const std::string& word : split_whitespace(body)) {
    const std::size_t wide = columns(word);
    if (!first && column + 1 + wide > kWidth) {
      out += '\n';
      column = 0;
      pad();
      first = true;
    }
    if (!first) out += ' ';
    column += wide + (first ? 0 : 1);
    out += word;
    first = false;
  }
  return out + '\n';
}

}  // namespace

std::string shown_name(const Field& field) {
  if (!field.is_positional()) return flag_of(field.name());
  std::string shown = field.metavar().empty() ? field.name() : field.metavar();
  for (char& c : shown) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return shown;
}

std::string help_text(const Fields& fields) {
  std::string places, out, section;
  for (const Field& field : fields.list())
    if (field.is_positional()) places += wrapped(head_of(field), body_of(field));
  for (const Field& field : fields.list()) {
    if (field.is_positional()) continue;
    if (field.section() != section) {
      section = field.section();
      out += fmt::format("\n{}:\n", section);
    }
    out += wrapped(head_of(field), body_of(field));
  }
  return places + (places.empty() || out.empty() || out[0] == '\n' ? "" : "\n") + out;
}

}  // namespace timbre::config
