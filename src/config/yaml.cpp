#include <fmt/format.h>
#include <yaml-cpp/yaml.h>
#include <nlohmann/json.hpp>

#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "config/fields.h"
#include "config/scalar.h"

namespace timbre::config {
namespace {

std::string at(const std::string& file, const YAML::Mark& mark) {
  return mark.is_null() ? file : fmt::format("{}:{}:{}", file, mark.line + 1, mark.column + 1);
}

YAML::Node parse(const std::string& yaml, const std::string& file) {
  try {
    return YAML::Load(yaml);
  } catch (const YAML::ParserException& e) {
    throw DataError(fmt::format("{}: not YAML: {}", at(file, e.mark), e.msg),
                    "check indentation, colons and quotes on that line");
  }
}

class YamlReader {
 public:
  YamlReader(Fields& fields, const std::string& file) : fields_(fields), file_(file) {}

  void read_mapping(const YAML::Node& mapping, const std::string& prefix) {
    std::set<std::string> seen;
    for (const auto& entry : mapping) {
      if (!entry.first.IsScalar())
        throw DataError(fmt::format("{}: a key must be a word", at(file_, entry.first.Mark())));
      const std::string key = prefix + entry.first.Scalar();
      if (!seen.insert(key).second)
        throw DataError(fmt::format("{}: key '{}' stands here twice", at(file_, entry.first.Mark()), key),
                        "remove one of them");
      read_entry(key, entry.first, entry.second);
    }
  }

 private:
  void read_entry(const std::string& key, const YAML::Node& key_node, const YAML::Node& value) {
    const std::string where = at(file_, key_node.Mark());
    Field* field = fields_.find(key);
    if (!field && fields_.has_group(key)) {
      if (value.IsNull()) return;  // "mel:" with everything below it commented out
      if (!value.IsMap())
        throw DataError(fmt::format("{}: '{}' is a group of settings: expected a mapping below it", where, key));
      return read_mapping(value, key + ".");
    }
    if (!field) throw DataError(fmt::format("{}: unknown key '{}'", where, key), did_you_mean(key, fields_.names()));
    try {
      assign(*field, value, where);
    } catch (const UsageError& e) {
      throw DataError(e.what(), e.next());
    }
  }

  void assign(Field& field, const YAML::Node& value, const std::string& where) const {
    if (value.IsNull()) {
      field.clear(where);
    } else if (value.IsScalar() && field.is_list()) {
      throw DataError(
          fmt::format("{}: '{}' is a list: expected [a, b] or lines that begin with '-'", where, field.name()));
    } else if (value.IsScalar()) {
      // A quoted "null" is the text null, not an absent value; only strings can hold it.
      if (value.Tag() == "!" && value.Scalar() == "null" && field.is_optional()) {
        throw DataError(fmt::format("{}: '{}' cannot be the text \"null\"", where, field.name()));
      }
      field.assign(value.Scalar(), where);
    } else if (value.IsSequence()) {
      std::vector<std::string> items;
      for (const auto& item : value) {
        if (!item.IsScalar())
          throw DataError(
              fmt::format("{}: an item of '{}' is not a plain value", at(file_, item.Mark()), field.name()));
        items.push_back(item.Scalar());
      }
      field.assign_items(items, where);
    } else {
      throw DataError(fmt::format("{}: '{}' is one setting: expected a value, found a mapping", where, field.name()));
    }
  }

  Fields& fields_;
  const std::string& file_;
};

/// Fields as a tree of their dotted names, in the order of first mention.
struct Tree {
  std::string name;
  const Field* field = nullptr;
  std::vector<Tree> below;

  Tree& child(const std::string& wanted) {
    for (Tree& tree : below)
      if (tree.name == wanted) return tree;
    return below.emplace_back(Tree{wanted, nullptr, {}});
  }
};

void write_tree(const Tree& tree, int depth, bool commented, std::string& out) {
  const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
  for (const Tree& child : tree.below) {
    if (child.field) {
      if (commented) out += fmt::format("{}# {}\n", indent, child.field->help());
      out += fmt::format("{}{}: {}\n", indent, child.name, scalar_text(child.field->value()));
    } else {
      out += fmt::format("{}{}:\n", indent, child.name);
      write_tree(child, depth + 1, commented, out);
    }
  }
}

}  // namespace

void read_yaml(Fields& fields, const std::string& yaml, const std::string& file_name) {
  const YAML::Node root = parse(yaml, file_name);
  if (root.IsNull()) return;
  if (!root.IsMap()) throw DataError(fmt::format("{}: expected lines of 'key: value'", at(file_name, root.Mark())));
  YamlReader(fields, file_name).read_mapping(root, "");
}

std::optional<std::string> peek_yaml(const std::string& yaml, std::string_view key, const std::string& file_name) {
  const YAML::Node root = parse(yaml, file_name);
  if (!root.IsMap()) return std::nullopt;
  for (const auto& entry : root)
    if (entry.first.IsScalar() && entry.first.Scalar() == key && entry.second.IsScalar()) return entry.second.Scalar();
  return std::nullopt;
}

std::string to_yaml(const Fields& fields, bool commented) {
  Tree root;
  for (const Field& field : fields.list()) {
    Tree* place = &root;
    for (const std::string& part : split(field.name(), '.')) place = &place->child(part);
    place->field = &field;
  }
  std::string out;
  write_tree(root, 0, commented, out);
  return out;
}

}  // namespace timbre::config
