#include "cli/recipe_data.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/files.h"
#include "base/strings.h"
#include "base/threads.h"
#include "cli/recipe_stages.h"
#include "cli/usage.h"
#include "exchange/get.h"

namespace timbre::cli {
namespace {

namespace fs = std::filesystem;
using prepare::ValleJob, prepare::ValleReport;

/// SRC, or the folder in it that the catalogue's archive unpacks into.
std::string unpacked(const prepare::ValleOptions& options, const exchange::Dataset* dataset) {
  if (dataset == nullptr || dataset->folder.empty()) return options.source;
  const fs::path inner = fs::path(options.source) / dataset->folder;
  return fs::is_directory(inner) ? inner.string() : options.source;
}

/// Stage 0. A folder that something lies in was fetched before, unless timbre get left a record in it: then that goes
/// on.
ValleReport fetch(const ValleJob& job, const exchange::Dataset* dataset) {
  ValleReport report;
  const fs::path source = job.options.source;
  const bool record = fs::exists(source / "get.json");
  if (fs::exists(source) && !record && (!fs::is_directory(source) || !fs::is_empty(source))) {
    report.kept = true;
    return report;
  }
  if (dataset == nullptr)
    throw UsageError(
        fmt::format("the recipe {} has nothing to fetch, and {} holds nothing", job.recipe.name, source.string()),
        "give a folder of recordings with texts, or a corpus");
  exchange::GetRequest request{.dataset = *dataset, .parts = {}, .out = source, .keep_archives = false, .download = {}};
  for (const std::string& word : split_whitespace(job.options.dataset_parts))
    if (word != "-p" && word != "--dataset-parts") request.parts.push_back(word);
  if (dataset->parts().empty()) request.parts.clear();
  const auto got = exchange::get_dataset(request, job.events, job.stop);
  report.lines.push_back(fmt::format("{}; licence: {}", dataset->title, dataset->licence));
  for (const auto& file : got.files)
    report.lines.push_back(fmt::format("{}: {}", file.name, file.already_there ? "fetched before" : "fetched"));
  return report;
}

}  // namespace

config::Fields recipe_fields(prepare::ValleOptions& options) { return prepare::fields(options); }

int run_recipe(const prepare::ValleOptions& given, Context& context) {
  prepare::ValleOptions options = given;
  if (options.stage > options.stop_stage)
    throw UsageError(fmt::format("--stage {} comes after --stop-stage {}", options.stage, options.stop_stage));
  const prepare::ValleRecipe& recipe = prepare::valle_recipe(options.recipe);
  auto catalogue = exchange::Catalogue::built_in();
  if (!options.catalogue.empty())
    catalogue.add(exchange::Catalogue::read(read_file(options.catalogue), options.catalogue));
  const exchange::Dataset* dataset = recipe.dataset.empty() ? nullptr : catalogue.find(recipe.dataset);
  if (options.nj > 0) set_thread_count(static_cast<int>(options.nj));
  if (!options.text_extractor.empty()) prepare::front_end_of(options.text_extractor);  // now rather than after hours
  const auto within = [&](std::int64_t stage) { return options.stage <= stage && stage <= options.stop_stage; };
  if (within(2) && !context.dry_run) prepare::open_recipe_codec(options);
  ValleJob job{.options = options,
               .recipe = recipe,
               .events = context.events,
               .stop = stages_stop(),
               .tool_version = version_text()};
  const std::vector<RecipeStage> stages = {{0, "fetch", [&] { return fetch(job, dataset); }},
                                           {1, "manifests",
                                            [&] {
                                              options.source = unpacked(options, dataset);
                                              return prepare::make_manifests(job);
                                            }},
                                           {2, "tokens", [&] { return prepare::make_tokens(job); }},
                                           {3, "cuts", [&] { return prepare::make_cuts(job); }}};
  const nlohmann::json document = run_stages(stages, options.stage, options.stop_stage, context);
  if (context.dry_run) return 0;
  const std::string tables = options.stop_stage >= 3 ? prepare::cut_tables(job.tokenized()) : "";
  if (context.json)
    fmt::print(context.out, "{}\n", document.dump(2));
  else
    fmt::print(context.out, "{}{}", tables.empty() ? "" : "\n", tables);
  return 0;
}

}  // namespace timbre::cli
