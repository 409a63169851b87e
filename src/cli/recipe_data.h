#pragma once
#include "cli/verb.h"
#include "prepare/valle_stages.h"

/// `timbre prepare … --recipe NAME`: the stages of lifeiteng's prepare.sh.
namespace timbre::cli {

config::Fields recipe_fields(prepare::ValleOptions& options);
int run_recipe(const prepare::ValleOptions& options, Context& context);

}  // namespace timbre::cli
