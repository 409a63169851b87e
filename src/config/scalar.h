#pragma once
#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

/// Values as text, in the one notation that flags, run files and help share (a subset of YAML).
namespace timbre::config {

/// A name as flags compare it: "-" and "_" are the same, case counts.
std::string flag_key(std::string_view name);

/// The flag of a dotted name: "mel.hop_samples" → "--mel.hop-samples".
std::string flag_of(std::string_view name);

/// "a,b" or "[a, 'b,c']" → items. Throws UsageError for an open quote or bracket.
std::vector<std::string> split_list(std::string_view text);

/// A JSON scalar or flat array as a YAML scalar or flow sequence that reads back as the same value:
/// strings are quoted only where YAML would take them for something else.
std::string scalar_text(const nlohmann::json& value);

}  // namespace timbre::config
