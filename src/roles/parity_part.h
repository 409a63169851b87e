#pragma once
#include "roles/golden.h"

namespace timbre::roles {

/// Runs one part of a set; a failure leaves the entries that match `pattern` uncomputed, with the reason, and the other
/// parts go on.
template <class Part>
void attempt(ParityRun& run, const std::string& pattern, const Part& part) {
  try {
    part();
  } catch (const std::logic_error&) {
    throw;  // a bug of ours, reading an output among them
  } catch (const std::exception& problem) {
    run.skip(pattern, problem.what());
  }
}

}  // namespace timbre::roles
