#include "cli/recipe_stages.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdlib>

#include "base/strings.h"

namespace timbre::cli {
namespace {

std::atomic<bool> interrupted{false};
void on_interrupt(int) {
  if (interrupted.exchange(true)) std::_Exit(130);
}

/// Whatever ends the walk, Ctrl-C means again what it meant before.
class Interruptible {
 public:
  Interruptible() : before_(std::signal(SIGINT, on_interrupt)) { interrupted = false; }
  ~Interruptible() { std::signal(SIGINT, before_); }
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  void (*before_)(int);
};

nlohmann::json to_json(const prepare::RecipeReport& report) {
  nlohmann::json left_out = nlohmann::json::object();
  for (const Skipped& s : report.left_out) left_out[s.id] = s.reason;
  return {{"kept", report.kept}, {"counts", report.counts}, {"left_out", left_out}, {"lines", report.lines}};
}

}  // namespace

const std::atomic<bool>* stages_stop() { return &interrupted; }

nlohmann::json run_stages(const std::vector<RecipeStage>& stages, std::int64_t first, std::int64_t last,
                          Context& context) {
  nlohmann::json document = nlohmann::json::object();
  const Interruptible while_it_runs;
  for (const RecipeStage& stage : stages) {
    if (stage.number < first || stage.number > last) continue;
    if (context.dry_run) {
      fmt::print(context.out, "stage {}: {}\n", stage.number, stage.name);
      continue;
    }
    const prepare::RecipeReport report = stage.run();
    document[stage.name] = to_json(report);
    if (context.json) continue;
    fmt::print(context.out, "stage {}: {}{}\n", stage.number, stage.name, report.kept ? " (done before)" : "");
    for (const std::string& text : report.lines)
      for (const std::string& line : split(trim(text), '\n')) fmt::print(context.out, "  {}\n", line);
  }
  return document;
}

}  // namespace timbre::cli
