#pragma once
#include "weights/checkpoint_value.h"

/// Inside of Value, for checkpoint_value.cpp and the pickle interpreter only.
namespace timbre::weights {

struct Value::Node {
  struct Mapping {
    Dict entries;
    Value attributes;  ///< none when it has none
    bool ordered = false;
  };
  Kind kind;
  std::variant<std::string, std::pair<double, double>, List, Mapping, Tensor, std::unique_ptr<Opaque>> body;
};

}  // namespace timbre::weights
