#include "weights/checkpoint_tree.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::weights {
namespace {

using Json = nlohmann::ordered_json;

std::string key_text(const Value& key) {
  switch (key.kind()) {
    case Value::Kind::text:
      return key.as_text();
    case Value::Kind::integer:
      return std::to_string(key.as_int());
    case Value::Kind::boolean:
      return key.as_bool() ? "True" : "False";
    case Value::Kind::real:
      return fmt::format("{}", key.as_real());
    case Value::Kind::none:
      return "None";
    default:
      return to_json(key).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
}

std::string joined(const std::string& path, std::string_view key) {
  if (path.empty()) return std::string(key);
  return fmt::format("{}.{}", path, key);
}

/// Where torch.nn.Module keeps its parts.
bool is_registry(std::string_view attribute) {
  return attribute == "_modules" || attribute == "_parameters" || attribute == "_buffers";
}

using Visit = std::function<void(const std::string&, const Value&)>;

void walk(const Value& value, const std::string& path, const Visit& visit);

void walk_list(const Value::List& items, const std::string& path, const Visit& visit) {
  for (std::size_t i = 0; i < items.size(); ++i) walk(items[i], joined(path, std::to_string(i)), visit);
}

void walk_dict(const Value::Dict& entries, const std::string& path, bool of_object, const Visit& visit) {
  for (const auto& [key, child] : entries) {
    const std::string name = key_text(key);
    walk(child, of_object && is_registry(name) ? path : joined(path, name), visit);
  }
}

void walk_opaque(const Value& value, const std::string& path, const Visit& visit) {
  const Value::Opaque& object = value.as_opaque();
  const bool is_leaf = !object.state && object.items.empty() && object.entries.empty();
  if (is_leaf) visit(path, value);
  if (object.arguments && !object.arguments->as_list().empty()) {
    walk(*object.arguments, joined(path, "arguments"), [&](const std::string& at, const Value& leaf) {
      if (!is_leaf || leaf.is_tensor()) visit(at, leaf);  // a leaf shows its own arguments
    });
  }
  walk_list(object.items, path, visit);
  walk_dict(object.entries, path, false, visit);
  if (!object.state) return;
  if (object.state->is_dict()) return walk_dict(object.state->as_dict(), path, true, visit);
  walk(*object.state, path, visit);
}

void walk(const Value& value, const std::string& path, const Visit& visit) {
  if (value.is_sequence() && !value.as_list().empty()) return walk_list(value.as_list(), path, visit);
  if (value.kind() == Value::Kind::opaque) return walk_opaque(value, path, visit);
  if (!value.is_dict() || (value.as_dict().empty() && !value.attributes())) return visit(path, value);
  walk_dict(value.as_dict(), path, false, visit);
  if (const Value* attributes = value.attributes()) walk(*attributes, joined(path, "$attributes"), visit);
}

bool has_plain_keys(const Value::Dict& entries) {
  return std::all_of(entries.begin(), entries.end(), [](const auto& entry) {
    return entry.first.is_text() && !entry.first.as_text().starts_with('$') && is_valid_utf8(entry.first.as_text());
  });
}

std::string hex_of(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string bytes_of_hex(const std::string& hex) {
  std::string out;
  if (hex.size() % 2 != 0 || hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw DataError(fmt::format("'{}' is no hexadecimal text", hex.substr(0, 40)));
  }
  for (std::size_t i = 0; i < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

Json real_json(double value) { return std::isfinite(value) ? Json(value) : Json{{"$real", fmt::format("{}", value)}}; }

/// Turns the tree into JSON; `path` is the flat name of the value.
struct Structure {
  Json of(const Value& value, const std::string& path) const {
    switch (value.kind()) {
      case Value::Kind::none:
        return nullptr;
      case Value::Kind::boolean:
        return value.as_bool();
      case Value::Kind::integer:
        return value.as_int();
      case Value::Kind::big_integer:
        return {{"$integer", value.as_digits()}};
      case Value::Kind::real:
        return real_json(value.as_real());
      case Value::Kind::complex:
        return {{"$complex", {real_json(value.as_complex().first), real_json(value.as_complex().second)}}};
      case Value::Kind::text:
        if (is_valid_utf8(value.as_text())) return value.as_text();
        return {{"$text", hex_of(value.as_text())}};
      case Value::Kind::bytes:
        return {{"$bytes", hex_of(value.as_bytes())}};
      case Value::Kind::list:
        return list(value.as_list(), path);
      case Value::Kind::tuple:
        return {{"$tuple", list(value.as_list(), path)}};
      case Value::Kind::set:
        return {{"$set", list(value.as_list(), path)}};
      case Value::Kind::dict:
        return dict(value, path);
      case Value::Kind::tensor:
        return {{"$tensor", path.empty() ? "tensor" : path}};
      case Value::Kind::opaque:
        break;
    }
    throw UsageError(
        fmt::format("'{}' is an object of class {}, which has no plain form", path, value.as_opaque().class_name));
  }

  Json list(const Value::List& items, const std::string& path) const {
    Json out = Json::array();
    for (std::size_t i = 0; i < items.size(); ++i) out.push_back(of(items[i], joined(path, std::to_string(i))));
    return out;
  }

  Json dict(const Value& value, const std::string& path) const {
    const Value::Dict& entries = value.as_dict();
    if (!value.is_ordered_dict() && !value.attributes() && has_plain_keys(entries)) {
      Json out = Json::object();
      for (const auto& [key, child] : entries) out.push_back({key.as_text(), of(child, joined(path, key.as_text()))});
      return out;
    }
    Json pairs = Json::array();
    for (const auto& [key, child] : entries)
      pairs.push_back(Json::array({of(key, path), of(child, joined(path, key_text(key)))}));
    Json out = {{value.is_ordered_dict() ? "$ordered" : "$dict", std::move(pairs)}};
    if (const Value* attributes = value.attributes()) out["$attributes"] = of(*attributes, joined(path, "$attributes"));
    return out;
  }
};

/// The inverse of Structure.
class Rebuild {
 public:
  explicit Rebuild(const TensorMap& tensors) : tensors_(tensors) {}

  Value of(const Json& json) {
    // The JSON is as foreign as the file it lies in.
    if (depth_ >= Value::kMaxDepth) throw DataError(fmt::format("nested more than {} levels deep", Value::kMaxDepth));
    ++depth_;
    Value made = made_of(json);
    --depth_;
    return made;
  }

 private:
  Value made_of(const Json& json) {
    if (json.is_null()) return {};
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX) {
      return Value::big_integer(std::to_string(json.get<std::uint64_t>()));
    }
    if (json.is_number_integer()) return json.get<std::int64_t>();
    if (json.is_number()) return json.get<double>();
    if (json.is_string()) return json.get<std::string>();
    if (json.is_array()) return Value::list(list(json));
    if (json.empty() || !json.begin().key().starts_with('$')) {
      Value::Dict entries;
      for (const auto& [key, child] : json.items()) entries.emplace_back(Value(key), of(child));
      return Value::dict(std::move(entries));
    }
    return special(json.begin().key(), json.begin().value(), json);
  }

  Value::List list(const Json& json) {
    Value::List items;
    for (const Json& item : json) items.push_back(of(item));
    return items;
  }

  Value special(const std::string& tag, const Json& body, const Json& whole) {
    if (tag == "$tensor") return tensors_.at(body.get<std::string>());
    if (tag == "$tuple") return Value::tuple(list(body));
    if (tag == "$set") return Value::set(list(body));
    if (tag == "$bytes") return Value::bytes_of(bytes_of_hex(body.get<std::string>()));
    if (tag == "$text") return Value(bytes_of_hex(body.get<std::string>()));
    if (tag == "$integer") return Value::big_integer(body.get<std::string>());
    if (tag == "$real") return parse_double(body.get<std::string>()).value_or(std::nan(""));
    if (tag == "$complex") return Value::complex(of(body.at(0)).as_real(), of(body.at(1)).as_real());
    if (tag == "$ordered" || tag == "$dict") {
      Value::Dict entries;
      for (const Json& pair : body) entries.emplace_back(of(pair.at(0)), of(pair.at(1)));
      Value out = Value::dict(std::move(entries), tag == "$ordered");
      if (whole.contains("$attributes")) out.set_attributes(of(whole["$attributes"]));
      return out;
    }
    throw DataError(fmt::format("unknown tag '{}' in the recorded structure", tag));
  }

  const TensorMap& tensors_;
  int depth_ = 0;
};

void collect_classes(const Value& value, std::unordered_set<std::string>& seen, std::vector<std::string>& out) {
  if (value.is_sequence()) {
    for (const Value& item : value.as_list()) collect_classes(item, seen, out);
  } else if (value.is_dict()) {
    for (const auto& [key, child] : value.as_dict()) {
      collect_classes(key, seen, out);
      collect_classes(child, seen, out);
    }
  } else if (value.kind() == Value::Kind::opaque) {
    const Value::Opaque& object = value.as_opaque();
    if (seen.insert(object.class_name).second) out.push_back(object.class_name);
    if (object.arguments) collect_classes(*object.arguments, seen, out);
    if (object.state) collect_classes(*object.state, seen, out);
    for (const Value& item : object.items) collect_classes(item, seen, out);
    for (const auto& [key, child] : object.entries) collect_classes(child, seen, out);
  }
}

/// A pathlib path's text; its constructor is given the parts.
std::optional<std::string> path_text(const Value::Opaque& object) {
  if (!object.class_name.starts_with("pathlib.") || object.is_class || !object.arguments) return std::nullopt;
  std::string text;
  for (const Value& part : object.arguments->as_list()) {
    if (!part.is_text()) return std::nullopt;
    if (!text.empty() && text.back() != '/') text += '/';
    text += part.as_text();
  }
  return text;
}

Value plain_opaque(const Value::Opaque& object, const std::string& path, std::vector<std::string>& replaced);

Value plain(const Value& value, const std::string& path, std::vector<std::string>& replaced) {
  if (value.is_sequence()) {
    Value::List items;
    for (const Value& item : value.as_list())
      items.push_back(plain(item, joined(path, std::to_string(items.size())), replaced));
    if (value.kind() == Value::Kind::tuple) return Value::tuple(std::move(items));
    return value.kind() == Value::Kind::set ? Value::set(std::move(items)) : Value::list(std::move(items));
  }
  if (value.is_dict()) {
    Value::Dict entries;
    for (const auto& [key, child] : value.as_dict()) {
      const std::string name = joined(path, key_text(key));
      entries.emplace_back(plain(key, name, replaced), plain(child, name, replaced));
    }
    Value out = Value::dict(std::move(entries), value.is_ordered_dict());
    if (value.attributes()) out.set_attributes(plain(*value.attributes(), joined(path, "$attributes"), replaced));
    return out;
  }
  return value.kind() == Value::Kind::opaque ? plain_opaque(value.as_opaque(), path, replaced) : value;
}

/// The state of a pickled module with its modules, parameters and buffers lifted to where flat names have them.
Value without_registries(const Value& state) {
  if (!state.is_dict()) return state;
  Value::Dict entries;
  for (const auto& [key, child] : state.as_dict()) {
    if (is_registry(key_text(key)) && child.is_dict()) {
      entries.insert(entries.end(), child.as_dict().begin(), child.as_dict().end());
    } else {
      entries.emplace_back(key, child);
    }
  }
  return Value::dict(std::move(entries));
}

Value plain_opaque(const Value::Opaque& object, const std::string& path, std::vector<std::string>& replaced) {
  const auto note = [&](std::string_view by) {
    replaced.push_back(fmt::format("{}: {} → {}", path.empty() ? "(the whole file)" : path, object.class_name, by));
  };
  if (const auto text = path_text(object)) {
    note("its text");
    return *text;
  }
  if (object.is_class) {
    note("its name");
    return object.class_name;
  }
  Value::Dict parts;
  if (object.arguments && !object.arguments->as_list().empty())
    parts.emplace_back("arguments", plain(*object.arguments, path, replaced));
  if (object.state) parts.emplace_back("state", plain(without_registries(*object.state), path, replaced));
  if (!object.items.empty()) parts.emplace_back("items", plain(Value::list(object.items), path, replaced));
  if (!object.entries.empty()) parts.emplace_back("entries", plain(Value::dict(object.entries), path, replaced));
  note(parts.size() == 1 ? fmt::format("its {}", parts[0].first.as_text()) : "a dict of its parts");
  return parts.size() == 1 ? parts[0].second : Value::dict(std::move(parts));
}

}  // namespace

void visit_leaves(const Value& value, const Visit& visit) { walk(value, "", visit); }

TensorMap flatten_tensors(const Value& value) {
  TensorMap out;
  walk(value, "", [&](const std::string& path, const Value& leaf) {
    if (leaf.is_tensor()) out.insert(path.empty() ? "tensor" : path, leaf.as_tensor());
  });
  return out;
}

Json to_json(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::none:
      return nullptr;
    case Value::Kind::boolean:
      return value.as_bool();
    case Value::Kind::integer:
      return value.as_int();
    case Value::Kind::big_integer:
      return value.as_digits();
    case Value::Kind::real:
      return std::isfinite(value.as_real()) ? Json(value.as_real()) : Json(fmt::format("{}", value.as_real()));
    case Value::Kind::complex:
      return fmt::format("{}{:+}j", value.as_complex().first, value.as_complex().second);
    case Value::Kind::text:
      return value.as_text();
    case Value::Kind::bytes:
      return fmt::format("{} bytes", value.as_bytes().size());
    case Value::Kind::list:
    case Value::Kind::tuple:
    case Value::Kind::set: {
      Json out = Json::array();
      for (const Value& item : value.as_list()) out.push_back(to_json(item));
      return out;
    }
    case Value::Kind::dict: {
      Json out = Json::object();
      for (const auto& [key, child] : value.as_dict()) out.push_back({key_text(key), to_json(child)});
      return out;
    }
    case Value::Kind::tensor:
      return value.as_tensor().describe();
    case Value::Kind::opaque:
      break;
  }
  const Value::Opaque& object = value.as_opaque();
  Json out = {{"class", object.class_name}};
  if (object.arguments && !object.arguments->as_list().empty()) out["arguments"] = to_json(*object.arguments);
  if (object.state) out["state"] = to_json(*object.state);
  if (!object.items.empty()) out["items"] = to_json(Value::list(object.items));
  if (!object.entries.empty()) out["entries"] = to_json(Value::dict(object.entries));
  return out;
}

Json to_structure(const Value& value) {
  std::vector<std::string> replaced;
  return Structure{}.of(plain_data(value, replaced), "");
}

Value from_structure(const Json& structure, const TensorMap& tensors) {
  try {
    return Rebuild(tensors).of(structure);
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("the recorded structure is broken: {}", error.what()));
  }
}

std::vector<std::string> opaque_classes(const Value& value) {
  std::unordered_set<std::string> seen;
  std::vector<std::string> out;
  collect_classes(value, seen, out);
  return out;
}

Value plain_data(const Value& value, std::vector<std::string>& replaced) { return plain(value, "", replaced); }

}  // namespace timbre::weights
