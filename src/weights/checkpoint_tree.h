#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "weights/checkpoint_value.h"

/// Walks over a checkpoint's tree: its tensors as a flat list, its rest as JSON.
namespace timbre::weights {

/// Calls `visit` for every value that is no container (and for empty containers), depth first, with its dotted path
/// ("model.encoder.weight", "optimizer.state.0.exp_avg"). Objects of unknown classes are walked too; the "_modules",
/// "_parameters" and "_buffers" of a pickled module are left out of the path.
void visit_leaves(const Value& value, const std::function<void(const std::string& path, const Value& leaf)>& visit);

/// Every tensor of the tree under its dotted path, in order. Throws DataError when two get one name.
TensorMap flatten_tensors(const Value& value);

/// The tree as JSON for people: tensors as "f32 [2, 80]", opaque objects as {"class": …, "state": …}.
nlohmann::ordered_json to_json(const Value& value);

/// The tree as JSON that from_structure() turns back: tensors by flat name. Opaque objects lose their class:
/// their state is kept (see plain_data()).
nlohmann::ordered_json to_structure(const Value& value);
/// Throws DataError when the JSON is not of that form or names a tensor that is not there.
Value from_structure(const nlohmann::ordered_json& structure, const TensorMap& tensors);

/// Class names of all opaque objects, each once, in order of appearance.
std::vector<std::string> opaque_classes(const Value& value);

/// The same tree with opaque objects replaced by plain data: an object with a state by that state, a path by its
/// text, a class by its name. `replaced` gets one line each.
Value plain_data(const Value& value, std::vector<std::string>& replaced);

}  // namespace timbre::weights
