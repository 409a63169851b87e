#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/verb.h"
#include "prepare/recipe_stage.h"

/// What all recipes of `timbre prepare … --recipe NAME` do alike: walking their stages.
namespace timbre::cli {

struct RecipeStage {
  std::int64_t number;
  const char* name;
  std::function<prepare::RecipeReport()> run;
};

/// Set by Ctrl-C while stages run; a second Ctrl-C does not wait.
const std::atomic<bool>* stages_stop();

/// Runs those from `first` to `last`, or with --dry-run only names them, and prints what each says. Returns the reports
/// by name, which --json prints (the caller does).
nlohmann::json run_stages(const std::vector<RecipeStage>& stages, std::int64_t first, std::int64_t last,
                          Context& context);

}  // namespace timbre::cli
