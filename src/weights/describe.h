#pragma once
#include <nlohmann/json_fwd.hpp>

#include <string>

#include "weights/load.h"

/// What a weights file holds, for people and for programs.
namespace timbre::weights {

/// {"path", "format", "bytes", "tensors": [{"name", "dtype", "shape"}], "elements", "values": {dotted path: number or
/// text},
///  "metadata", "opaque_classes"}. `values` has every scalar; texts of more than 200 bytes are cut.
nlohmann::ordered_json describe(const Loaded& loaded);

/// The same as a table. Number lists of more than 8 entries become one line.
std::string describe_text(const nlohmann::ordered_json& description);

}  // namespace timbre::weights
