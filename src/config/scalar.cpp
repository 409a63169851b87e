#include "config/scalar.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::config {
namespace {

/// True when YAML reads `text` as this very string without quotes, in a block and in a flow sequence.
bool is_plain(const std::string& text) {
  static const char* const kWords[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "~"};
  if (text.empty() || parse_double(text)) return false;
  const std::string lower = ascii_lower(text);
  if (std::find(std::begin(kWords), std::end(kWords), lower) != std::end(kWords)) return false;
  if (lower == ".inf" || lower == "-.inf" || lower == ".nan" || lower.starts_with("0x") || lower.starts_with("0o"))
    return false;
  if (!std::isalnum(static_cast<unsigned char>(text[0])) && text[0] != '/' && text[0] != '.' && text[0] != '_')
    return false;
  if (text.back() == ' ' || text.back() == ':') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("/._-+ @%=").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string flag_key(std::string_view name) {
  std::string key(name);
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

std::string flag_of(std::string_view name) {
  std::string flag = "--" + std::string(name);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::vector<std::string> split_list(std::string_view text) {
  const std::string_view whole = text;
  text = trim(text);
  if (!text.empty() && text.front() == '[') {
    if (text.back() != ']' || text.size() < 2)
      throw UsageError(fmt::format("'{}': the list has no closing ']'", whole));
    text = trim(text.substr(1, text.size() - 2));
  }
  std::vector<std::string> items;
  std::string item;
  char quote = 0;
  bool quoted = false;
  const auto end_item = [&] {
    items.emplace_back(quoted ? item : std::string(trim(item)));
    item.clear();
    quoted = false;
  };
  for (const char c : text) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        item += c;
      }
    } else if ((c == '"' || c == '\'') && trim(item).empty()) {
      quote = c;
      quoted = true;
      item.clear();
    } else if (c == ',') {
      end_item();
    } else if (!(quoted && c == ' ')) {
      item += c;
    }
  }
  if (quote != 0) throw UsageError(fmt::format("'{}': a quote is not closed", whole));
  if (!items.empty() || quoted || !trim(item).empty()) end_item();
  return items;
}

std::string scalar_text(const nlohmann::json& value) {
  if (value.is_array()) {
    std::vector<std::string> items;
    for (const auto& item : value) items.push_back(scalar_text(item));
    return "[" + join(items, ", ") + "]";
  }
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return is_plain(text) ? text : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  return value.dump();
}

}  // namespace timbre::config
