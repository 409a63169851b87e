#pragma once
#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/files.h"

/// JSON from files that we may not have written.
namespace timbre {

/// Deepest nesting of brackets that is accepted: copying, writing and comparing a document recurse that far.
inline constexpr int kDeepestJson = 100;

/// How deep the brackets of a JSON text nest; those inside strings do not count. Any text, O(n).
int json_depth(std::string_view text);

/// "line 3, column 7" of a byte, both from 1; columns count bytes.
std::string json_place(std::string_view text, std::size_t at);

/// The document. Throws DataError naming `where`, line and column for what is no JSON, for numbers that no double
/// holds and for what nests deeper than kDeepestJson. `next` is the error's suggestion.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text, const std::string& where, const std::string& next = {}) {
  if (json_depth(text) > kDeepestJson)
    throw DataError(fmt::format("{}: JSON nested more than {} levels deep", where, kDeepestJson), next);
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const typename Json::parse_error& error) {
    const std::size_t at = error.byte > 0 ? error.byte - 1 : 0;  // it counts from 1
    throw DataError(fmt::format("{}, {}: not valid JSON", where, json_place(text, at)), next);
  } catch (const typename Json::exception& error) {
    throw DataError(fmt::format("{}: not usable as JSON: {}", where, error.what()), next);
  }
}

/// The same of a file, which the error names. Throws SystemError when it cannot be read.
template <class Json = nlohmann::json>
Json read_json(const fs::path& path, const std::string& next = {}) {
  return parse_json<Json>(read_file(path), path.string(), next);
}

}  // namespace timbre
