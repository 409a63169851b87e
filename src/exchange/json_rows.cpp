#include "exchange/json_rows.h"

#include <cmath>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::exchange {

using nlohmann::json;

JsonLine::JsonLine(std::string_view line) {
  object_ = json::parse(trim(line), nullptr, false);
  if (object_.is_discarded())
    row.fault = "not JSON";
  else if (!object_.is_object())
    row.fault = "not a JSON object", row.detail = fmt::format("a {} instead", object_.type_name());
  if (!object_.is_object()) object_ = json::object();
}

std::string JsonLine::text(std::initializer_list<const char*> keys, bool required) {
  for (const char* key : keys) {
    auto it = object_.find(key);
    if (it == object_.end() || it->is_null()) continue;
    json value = std::move(*it);
    object_.erase(it);
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number()) return value.dump();
    if (!broken())
      row.fault = "wrong type", row.detail = fmt::format("{}: {}; expected a string", key, value.type_name());
    return {};
  }
  if (required && !broken()) row.fault = "missing field", row.detail = *keys.begin();
  return {};
}

std::optional<double> JsonLine::seconds(const char* key) {
  auto it = object_.find(key);
  if (it == object_.end() || it->is_null()) return std::nullopt;
  json value = std::move(*it);
  object_.erase(it);
  std::optional<double> number;
  if (value.is_number()) number = value.get<double>();
  if (value.is_string()) number = parse_double(value.get<std::string>());
  if (number && std::isfinite(*number) && *number >= 0) return number;
  if (!broken())
    row.fault = "wrong type", row.detail = fmt::format("{}: {}; expected seconds from 0", key, value.dump());
  return std::nullopt;
}

void JsonLine::keep_rest() {
  constexpr std::size_t kLongest = 1000;
  for (auto& [key, value] : object_.items()) {
    bool is_short = value.is_string() && value.get_ref<const std::string&>().size() <= kLongest;
    if (value.is_number() || value.is_boolean() || is_short) row.extra[key] = value;
  }
}

}  // namespace timbre::exchange
