#include "text/token_policy_json.h"

#include <nlohmann/json.hpp>

namespace timbre::text {

nlohmann::json to_json(const TokenPolicy& policy) {
  return {{"pad", policy.pad}, {"bos", policy.bos}, {"eos", policy.eos}, {"unknown", policy.unknown}};
}

TokenPolicy policy_of_json(const nlohmann::json& value) {
  const auto mark = [&](const char* key) {
    return value.is_object() && value.contains(key) && value[key].is_string() ? value[key].get<std::string>()
                                                                              : std::string();
  };
  return {mark("pad"), mark("bos"), mark("eos"), mark("unknown")};
}

}  // namespace timbre::text
