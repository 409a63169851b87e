#include "prepare/run_file.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::prepare {
namespace {

// "mel.rate_hz" as {mel: {rate_hz: …}}, as a key of its own, or undefined.
YAML::Node value_of(const YAML::Node& root, const std::string& name) {
  if (const YAML::Node whole = root[name]) return whole;
  YAML::Node at = root;
  for (const std::string& part : split(name, '.')) {
    if (!at.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
    YAML::Node next = at[part];
    if (!next) return YAML::Node(YAML::NodeType::Undefined);
    at.reset(next);
  }
  return at;
}

std::string flow_text(const YAML::Node& node) {
  if (node.IsScalar()) return node.Scalar();
  YAML::Emitter out;
  out << YAML::Flow << node;
  return out.c_str();
}

}  // namespace

void assign_known(config::Fields& fields, const std::string& yaml, const std::string& file_name) {
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (!root.IsMap()) throw DataError(fmt::format("{}: not a mapping of options", file_name));
    for (auto& field : fields.list())
      if (const YAML::Node value = value_of(root, field.name()); value.IsDefined()) {
        try {
          field.assign(flow_text(value), file_name);
        } catch (const UsageError& error) {
          throw DataError(fmt::format("{}: {}", file_name, error.what()), error.next());
        }
      }
  } catch (const YAML::Exception& error) {
    throw DataError(fmt::format("{}:{}:{}: {}", file_name, error.mark.line + 1, error.mark.column + 1, error.msg));
  }
}

}  // namespace timbre::prepare
