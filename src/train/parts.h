#pragma once
#include <span>
#include <string>
#include <vector>

#include "roles/spec.h"
#include "train/options.h"

/// Regions of a network by name: --lr.PART and --optim.freeze PART.
namespace timbre::train {

/// `lr.<part>` for every part that has a rate of its own, bound to o.part_lr.
config::Fields part_fields(OptimOptions& o, std::span<const roles::Part> parts);

/// Turns part names into name patterns that this network has: optim.freeze gets patterns instead of parts,
/// optim.part_lr becomes entries of optim.group_lr behind those that were given. Throws UsageError: a name that is
/// neither a part nor matches a parameter ("did you mean"), a rate for a part that this network lacks or that is
/// frozen, a rate beside optim.lr=0.
OptimOptions resolve_parts(const OptimOptions& options, std::span<const roles::Part> parts,
                           const std::vector<std::string>& parameters);

}  // namespace timbre::train
