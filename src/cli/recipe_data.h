#pragma once
#include "cli/verb.h"
#include "prepare/llasa_recipe.h"
#include "prepare/valle_stages.h"

/// `timbre prepare … --recipe NAME`: the stages of lifeiteng's prepare.sh, and those of Llasa's data.
namespace timbre::cli {

config::Fields recipe_fields(prepare::ValleOptions& options);
int run_recipe(const prepare::ValleOptions& options, Context& context);
config::Fields recipe_fields(prepare::LlasaOptions& options);
int run_recipe(const prepare::LlasaOptions& options, Context& context);

}  // namespace timbre::cli
