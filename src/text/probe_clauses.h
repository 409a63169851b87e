#pragma once
#include <span>
#include <string_view>

namespace timbre::text {

/// Clauses of one language from which probe sentences are made: at least 20, none twice. Language "" serves all others.
struct ProbeClauses {
  std::string_view language;
  std::span<const std::string_view> clauses;
};

std::span<const ProbeClauses> probe_clauses();

}  // namespace timbre::text
