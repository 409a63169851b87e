#include "weights/describe.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::weights {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxText = 200;
constexpr std::size_t kMaxListed = 8;

Json leaf_json(const Value& leaf) {
  Json out = to_json(leaf);
  if (out.is_string() && out.get_ref<const std::string&>().size() > kMaxText) {
    std::string cut = out.get<std::string>().substr(0, kMaxText);
    while (!cut.empty() && (cut.back() & 0xc0) == 0x80) cut.pop_back();  // not within a code point
    if (!cut.empty() && (cut.back() & 0x80)) cut.pop_back();
    return cut + "…";
  }
  return out;
}

std::string shown(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The path without its last number, when it ends in one: entries of one list share it.
std::string list_of(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  if (dot == std::string::npos || path.find_first_not_of("0123456789", dot + 1) != std::string::npos) return {};
  return path.substr(0, dot);
}

std::string values_text(const Json& values) {
  std::vector<std::pair<std::string, std::string>> lines;
  for (auto at = values.begin(); at != values.end();) {
    const std::string list = list_of(at.key());
    auto end = at;
    std::size_t count = 0;
    while (end != values.end() && !list.empty() && list_of(end.key()) == list) {
      ++end;
      ++count;
    }
    if (count > kMaxListed) {
      lines.emplace_back(list, fmt::format("{} entries: {}, {}, …", count, shown(*at), shown(*std::next(at))));
      at = end;
    } else {
      lines.emplace_back(at.key(), shown(*at));
      ++at;
    }
  }
  std::string out;
  for (const auto& [path, text] : lines) out += fmt::format("  {} = {}\n", path, text);
  return out;
}

std::string shape_of(const Json& shape) {
  std::vector<std::string> extents;
  for (const Json& extent : shape) extents.push_back(std::to_string(extent.get<std::int64_t>()));
  return "[" + join(extents, ", ") + "]";
}

}  // namespace

Json describe(const Loaded& loaded) {
  Json tensors = Json::array();
  Json::object_t values;
  std::int64_t elements = 0, bytes = 0;
  visit_leaves(loaded.root, [&](const std::string& path, const Value& leaf) {
    if (!leaf.is_tensor()) {
      // Appended without the search for an equal key that makes ordered JSON slow for long lists.
      values.push_back({path, leaf_json(leaf)});
      return;
    }
    const Tensor& tensor = leaf.as_tensor();
    tensors.push_back(
        {{"name", path.empty() ? "tensor" : path}, {"dtype", name_of(tensor.dtype)}, {"shape", tensor.shape}});
    elements += tensor.numel();
    bytes += tensor.bytes();
  });
  Json out;
  out["path"] = loaded.path.string();
  out["kind"] = "weights";
  out["format"] = name_of(loaded.format);
  out["bytes"] = bytes;
  out["elements"] = elements;
  out["tensors"] = std::move(tensors);
  out["values"] = std::move(values);
  out["metadata"] = loaded.metadata;
  out["opaque_classes"] = opaque_classes(loaded.root);
  return out;
}

std::string describe_text(const Json& d) {
  std::string out =
      fmt::format("{}: {}\n{} tensors, {} numbers, {}\n", d["path"].get<std::string>(), d["format"].get<std::string>(),
                  d["tensors"].size(), d["elements"].get<std::int64_t>(), human_bytes(d["bytes"].get<double>()));
  std::size_t name_width = 0, type_width = 0;
  for (const Json& tensor : d["tensors"]) {
    name_width = std::max(name_width, tensor["name"].get_ref<const std::string&>().size());
    type_width = std::max(type_width, tensor["dtype"].get_ref<const std::string&>().size());
  }
  for (const Json& tensor : d["tensors"]) {
    out +=
        fmt::format("  {:<{}}  {:<{}}  {}\n", tensor["name"].get<std::string>(), std::min<std::size_t>(name_width, 70),
                    tensor["dtype"].get<std::string>(), type_width, shape_of(tensor["shape"]));
  }
  if (!d["values"].empty()) out += "values:\n" + values_text(d["values"]);
  if (!d["metadata"].empty()) {
    out += "metadata:\n";
    for (const auto& [key, value] : d["metadata"].items())
      out += fmt::format("  {} = {}\n", key, leaf_json(Value(value.get<std::string>())).get<std::string>());
  }
  if (!d["opaque_classes"].empty()) {
    std::vector<std::string> names;
    for (const Json& name : d["opaque_classes"]) names.push_back(name.get<std::string>());
    out += fmt::format("classes we do not know, kept as plain data: {}\n", join(names, ", "));
  }
  return out;
}

}  // namespace timbre::weights
