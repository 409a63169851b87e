#pragma once
#include <string>

#include "base/error.h"

namespace timbre::testing_support {

/// What the error that `call` throws says; "" when it throws none of that kind.
template <class Fault = Error, class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Fault& error) {
    return error.what();
  }
  return "";
}

}  // namespace timbre::testing_support
