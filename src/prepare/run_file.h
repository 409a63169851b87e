#pragma once
#include <string>

#include "config/fields.h"

namespace timbre::prepare {

/// Gives fields the values that a training run file (nested YAML, or dotted keys) has for them. Its other keys belong
/// to training, which judges them; a wrong value throws DataError with the file and key.
void assign_known(config::Fields& fields, const std::string& yaml, const std::string& file_name);

}  // namespace timbre::prepare
