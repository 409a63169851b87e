#include "text/k2_symbols.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "text/letters.h"
#include "text/token_rows.h"

namespace timbre::text {
namespace {

/// As Python's str.split() cuts: at any white space of Unicode.
std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields;
  bool open = false;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t begin = at;
    if (is_space(next_code_point(line, at))) {
      open = false;
      continue;
    }
    if (!open) fields.emplace_back();
    open = true;
    fields.back() += line.substr(begin, at - begin);
  }
  return fields;
}

}  // namespace

K2Symbols parse_k2_symbols(std::string_view content, const std::string& where) {
  constexpr const char* kNext = "expected lines \"symbol id\", the first of them \"<eps> 0\"";
  if (!is_valid_utf8(content)) throw DataError(fmt::format("{}: not UTF-8 text", where), kNext);
  K2Symbols symbols;
  std::set<std::string> seen;
  std::size_t number = 0;
  for (const std::string& line : split(content, '\n')) {
    ++number;
    const std::vector<std::string> fields = fields_of(line);
    if (fields.empty()) continue;
    if (fields.size() != 2)
      throw DataError(fmt::format("{}:{}: {} fields instead of two", where, number, fields.size()), kNext);
    const auto id = parse_int(fields[1]);
    if (!id || *id < 0)
      throw DataError(fmt::format("{}:{}: '{}' is no id of a symbol", where, number, fields[1]), kNext);
    if (!seen.insert(fields[0]).second)
      throw DataError(fmt::format("{}:{}: the symbol '{}' was there before", where, number, fields[0]),
                      "every symbol has one line");
    if (!symbols.emplace(*id, fields[0]).second)
      throw DataError(fmt::format("{}:{}: the id {} is already that of '{}'", where, number, *id, symbols.at(*id)),
                      "every symbol has an id of its own");
  }
  if (!symbols.contains(0)) {
    if (seen.contains(std::string(kNullSymbol)))
      throw DataError(fmt::format("{}: '{}' has another id than 0", where, kNullSymbol), kNext);
    symbols.emplace(0, kNullSymbol);
  }
  return symbols;
}

K2Symbols read_k2_symbols(const std::filesystem::path& file) {
  return parse_k2_symbols(read_file(file), file.string());
}

K2Symbols make_k2_symbols(const std::set<std::string>& tokens) {
  K2Symbols symbols{{0, std::string(kNullSymbol)}};
  for (const std::string& token : tokens) {
    if (token == kNullSymbol) continue;
    if (const auto fields = fields_of(token); fields.size() != 1 || fields[0] != token)
      throw DataError(fmt::format("the token '{}' cannot stand in a k2symbols file: it is empty or has a blank", token),
                      "look at the text it comes from: timbre phones TEXT --front-end NAME");
    symbols.emplace(static_cast<std::int64_t>(symbols.size()), token);
  }
  return symbols;
}

std::string format_k2_symbols(const K2Symbols& symbols) {
  std::string out;
  for (const auto& [id, symbol] : symbols) out += fmt::format("{} {}\n", symbol, id);
  return out;
}

std::vector<std::string> collater_rows(const K2Symbols& symbols) {
  const TokenPolicy policy = collater_policy();
  std::vector<std::string> rows;
  rows.reserve(symbols.size());
  for (const auto& [id, symbol] : symbols) rows.push_back(symbol);
  std::sort(rows.begin(), rows.end());  // bytes of UTF-8 sort as their code points do
  rows.insert(rows.begin(), {policy.pad, policy.bos, policy.eos});
  return rows;
}

}  // namespace timbre::text
