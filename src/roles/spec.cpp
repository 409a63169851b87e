#include "roles/spec.h"

#include "base/error.h"
#include "base/strings.h"

namespace timbre::roles {

const Preset& ModelSpec::preset(const std::string& preset_name) const {
  std::vector<std::string> known;
  for (const Preset& candidate : presets) {
    if (candidate.name == preset_name) return candidate;
    known.push_back(candidate.name);
  }
  throw UsageError(fmt::format("{} has no preset '{}'; {}", name, preset_name, did_you_mean(preset_name, known)),
                   fmt::format("presets of {}: {}", name, join(known, ", ")));
}

std::unique_ptr<ModelConfig> ModelSpec::config_of(const std::string& preset_name) const {
  auto config = make_config();
  if (preset_name.empty()) {
    if (!presets.empty()) presets.front().apply(*config);
    return config;
  }
  for (const std::string& one : split(preset_name, ',')) preset(std::string(trim(one))).apply(*config);
  return config;
}

}  // namespace timbre::roles
