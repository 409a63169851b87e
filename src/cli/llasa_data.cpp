#include <fmt/format.h>

#include <algorithm>

#include "base/threads.h"
#include "cli/recipe_data.h"
#include "cli/recipe_stages.h"

/// `timbre prepare … --recipe llasa-speed` and llasa.
namespace timbre::cli {
namespace {

using prepare::RecipeReport;

/// What was left out, by reason, the commonest first.
void tell_left_out(RecipeReport& report, const std::string& file) {
  if (report.left_out.empty()) return;
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const Skipped& s : report.left_out) by_reason[s.reason].push_back(s.id);
  std::vector<const std::pair<const std::string, std::vector<std::string>>*> order;
  for (const auto& entry : by_reason) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->second.size() > b->second.size(); });
  constexpr std::size_t kShown = 5;
  report.lines.push_back(fmt::format("{} left out{}:", report.left_out.size(), file.empty() ? "" : " (" + file + ")"));
  for (std::size_t i = 0; i < std::min(kShown, order.size()); ++i)
    report.lines.push_back(fmt::format("  {} × {} ({}{})", order[i]->second.size(), order[i]->first,
                                       order[i]->second[0], order[i]->second.size() > 1 ? ", …" : ""));
  if (order.size() > kShown) report.lines.push_back(fmt::format("  … reasons more: {}", order.size() - kShown));
}

}  // namespace

config::Fields recipe_fields(prepare::LlasaOptions& options) { return prepare::fields(options); }

int run_recipe(const prepare::LlasaOptions& options, Context& context) {
  if (!context.dry_run) prepare::check_llasa_options(options);
  if (options.nj > 0) set_thread_count(static_cast<int>(options.nj));
  const prepare::LlasaJob job{.options = options, .events = context.events, .stop = stages_stop()};
  const auto stage = [&](RecipeReport (*run)(const prepare::LlasaJob&), std::string file) {
    return [&job, run, file = std::move(file)] {
      RecipeReport report = run(job);
      if (!report.kept) tell_left_out(report, file);
      return report;
    };
  };
  std::vector<RecipeStage> stages;
  if (job.speed()) {
    stages.push_back({1, "rates", stage(prepare::rate_clips, job.rates().string())});
    stages.push_back({2, "classes", stage(prepare::class_clips, "")});
  }
  stages.push_back({3, "codes", stage(prepare::encode_clips, "")});
  stages.push_back({4, "rows", stage(prepare::make_rows, (job.rows() / "left_out.jsonl").string())});
  if (!job.speed() && options.stop_stage < 3)
    throw UsageError("the recipe llasa has the stages 3 (codes) and 4 (rows)", "rates and classes are llasa-speed's");
  const nlohmann::json document = run_stages(stages, options.stage, options.stop_stage, context);
  if (context.json && !context.dry_run) fmt::print(context.out, "{}\n", document.dump(2));
  return 0;
}

}  // namespace timbre::cli
