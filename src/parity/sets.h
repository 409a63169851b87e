#pragma once
#include "roles/registry.h"

/// Golden sets that belong to no network: features, alignments, file formats. Each set_<set>.cpp computes one; the sets
/// of networks are computed in their own folders.
namespace timbre::parity {

/// Generated: calls register_set_<set>() of every set_<set>.cpp of this folder.
void register_all_sets(roles::Registry& registry);

}  // namespace timbre::parity
