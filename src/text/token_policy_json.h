#pragma once
#include <nlohmann/json_fwd.hpp>

#include "text/token_rows.h"

/// A TokenPolicy as voice.json has it: {"pad": "<pad>", "bos": "<bos>", "eos": "<eos>", "unknown": ""}.
namespace timbre::text {

nlohmann::json to_json(const TokenPolicy& policy);
/// What the object lacks, or anything else in its place, is "". Never throws.
TokenPolicy policy_of_json(const nlohmann::json& value);

}  // namespace timbre::text
