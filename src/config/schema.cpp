#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <type_traits>

#include "base/error.h"
#include "base/strings.h"
#include "config/fields.h"
#include "config/scalar.h"

namespace timbre::config {
namespace {

nlohmann::json::json_pointer pointer_of(const std::string& dotted) {
  nlohmann::json::json_pointer pointer;
  for (const std::string& part : split(dotted, '.')) pointer /= part;
  return pointer;
}

template <class T>
const char* type_name() {
  if constexpr (std::is_same_v<T, bool>)
    return "boolean";
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return "integer";
  else if constexpr (std::is_same_v<T, double>)
    return "number";
  else
    return "string";
}

/// What one value may be, without the description: the items of a list share it.
template <class T>
nlohmann::json value_schema(const Field& field) {
  nlohmann::json schema{{"type", type_name<T>()}};
  if (!field.allowed().empty()) schema["enum"] = field.allowed();
  if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, double>) {
    if (std::isfinite(field.low())) schema["minimum"] = static_cast<T>(field.low());
    if (std::isfinite(field.high())) schema["maximum"] = static_cast<T>(field.high());
  }
  return schema;
}

nlohmann::json schema_of(const Field& field) {
  struct Visitor {
    const Field& field;
    nlohmann::json operator()(const bool*) const { return value_schema<bool>(field); }
    nlohmann::json operator()(const std::int64_t*) const { return value_schema<std::int64_t>(field); }
    nlohmann::json operator()(const double*) const { return value_schema<double>(field); }
    nlohmann::json operator()(const std::string*) const { return value_schema<std::string>(field); }
    nlohmann::json absent(nlohmann::json schema) const {
      schema["type"] = {schema["type"], "null"};
      if (schema.contains("enum")) schema["enum"].push_back(nullptr);
      return schema;
    }
    nlohmann::json operator()(const std::optional<std::int64_t>*) const {
      return absent(value_schema<std::int64_t>(field));
    }
    nlohmann::json operator()(const std::optional<double>*) const { return absent(value_schema<double>(field)); }
    nlohmann::json operator()(const std::optional<std::string>*) const {
      return absent(value_schema<std::string>(field));
    }
    static nlohmann::json list(nlohmann::json items) { return {{"type", "array"}, {"items", std::move(items)}}; }
    nlohmann::json operator()(const std::vector<std::int64_t>*) const {
      return list(value_schema<std::int64_t>(field));
    }
    nlohmann::json operator()(const std::vector<double>*) const { return list(value_schema<double>(field)); }
    nlohmann::json operator()(const std::vector<std::string>*) const { return list(value_schema<std::string>(field)); }
  };
  nlohmann::json schema = std::visit(Visitor{field}, field.ref());
  schema["description"] = field.help();
  schema["default"] = field.value();
  return schema;
}

std::string text_of(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : scalar_text(value);
}

void assign_json(Field& field, const nlohmann::json& value, const std::string& where) {
  if (value.is_null()) return field.clear(where);
  if (!value.is_array()) return field.assign(text_of(value), where);
  std::vector<std::string> items;
  for (const auto& item : value) items.push_back(text_of(item));
  field.assign_items(items, where);
}

void from_json_below(Fields& fields, const nlohmann::json& values, const std::string& prefix,
                     const std::string& where) {
  for (const auto& [key, value] : values.items()) {
    const std::string name = prefix + key;
    if (Field* field = fields.find(name)) {
      assign_json(*field, value, where);
    } else if (value.is_object() && fields.has_group(name)) {
      from_json_below(fields, value, name + ".", where);
    } else {
      throw DataError(fmt::format("{}: unknown key '{}'", where, name), did_you_mean(name, fields.names()));
    }
  }
}

}  // namespace

nlohmann::json to_json(const Fields& fields) {
  nlohmann::json values = nlohmann::json::object();
  for (const Field& field : fields.list()) values[pointer_of(field.name())] = field.value();
  return values;
}

void from_json(Fields& fields, const nlohmann::json& values, const std::string& where) {
  if (!values.is_object()) throw DataError(fmt::format("{}: expected an object of settings", where));
  try {
    from_json_below(fields, values, "", where);
  } catch (const UsageError& e) {
    throw DataError(e.what(), e.next());
  }
}

nlohmann::json json_schema(const Fields& fields, const std::string& title) {
  const auto object = [] {
    return nlohmann::json{
        {"type", "object"}, {"additionalProperties", false}, {"properties", nlohmann::json::object()}};
  };
  nlohmann::json root = object();
  root["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  root["title"] = title;
  for (const Field& field : fields.list()) {
    nlohmann::json* place = &root;
    const auto parts = split(field.name(), '.');
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      nlohmann::json& next = (*place)["properties"][parts[i]];
      if (next.is_null()) next = object();
      place = &next;
    }
    (*place)["properties"][parts.back()] = schema_of(field);
    if (field.is_required()) (*place)["required"].push_back(parts.back());
  }
  return root;
}

}  // namespace timbre::config
