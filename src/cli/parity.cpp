#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "cli/verb.h"
#include "parity/sets.h"
#include "roles/golden.h"
#include "roles/registry.h"

namespace timbre::cli {
namespace {

struct ParityOptions {
  std::string dir;
  std::string dump;
  bool all = false;
};

config::Fields parity_fields(ParityOptions& o) {
  config::Fields f;
  f.add("dir", o.dir, "golden set: a folder with set.json").positional().required().metavar("DIR");
  f.add("dump", o.dump, "write what was computed into this folder, in files of the same names").metavar("OUT");
  f.add("all", o.all, "show every entry, not only those out of bounds or not computed, and the closest call");
  return f;
}

nlohmann::json row_json(const roles::ParityRow& row) {
  return {{"entry", row.entry}, {"status", row.status}, {"shape", row.shape},
          {"error", row.error}, {"bound", row.bound},   {"text", row.text}};
}

void print_row(std::FILE* out, const roles::ParityRow& row) {
  fmt::print(out, "{:<12} {:<60} {:>14} {:>10.3g} {:>10.3g}  {}\n", row.status, row.entry,
             fmt::format("[{}]", fmt::join(row.shape, ",")), row.error, row.bound, row.text);
}

/// How near an entry comes to its bound; 0 for exact ones.
double closeness(const roles::ParityRow& row) {
  return row.status == "ok" && row.bound > 0 ? row.error / row.bound : 0;
}

/// The runner of a set, with all its parts. Sets of networks run in timbre-torch, and so do sets of which they compute
/// a part: the program without LibTorch sends the call there.
roles::Registry::ParityRunner runner_of(const roles::ParityRun& run) {
  roles::Registry registry;
  parity::register_all_sets(registry);
  const auto& sets = registry.parity_sets();
  const auto here = sets.find(run.set());
  if (here != sets.end() && !registry.expects_parity_of_networks(run.set())) return here->second;
  if (!add_running_networks(registry)) throw NeedsTorch{};
  if (const auto found = sets.find(run.set()); found != sets.end()) return found->second;
  std::vector<std::string> known;
  known.reserve(sets.size());
  for (const auto& [name, runner] : sets) known.push_back(name);
  const std::string nearest = did_you_mean(run.set(), known);
  throw UsageError(fmt::format("{}: nothing here computes the set '{}'", run.dir().string(), run.set()),
                   fmt::format("{}sets: {}", nearest.empty() ? "" : nearest + "; ", join(known, ", ")));
}

int run_parity(const ParityOptions& options, Context& context) {
  roles::ParityRun run(options.dir);
  runner_of(run)(run);
  if (!options.dump.empty()) run.dump(options.dump);

  const auto rows = run.judge();
  const auto ok = std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.status == "ok"; });
  if (context.json) {
    nlohmann::json all = nlohmann::json::array();
    for (const auto& row : rows) all.push_back(row_json(row));
    fmt::print(context.out, "{}\n",
               nlohmann::json{{"set", run.set()}, {"ok", ok}, {"entries", rows.size()}, {"rows", all}}.dump());
  } else {
    fmt::print(context.out, "{:<12} {:<60} {:>14} {:>10} {:>10}  {}\n", "", "entry", "shape", "error", "bound",
               "where");
    for (const auto& row : rows) {
      if (options.all || row.status != "ok") print_row(context.out, row);
    }
    const auto nearest = std::max_element(rows.begin(), rows.end(),
                                          [](const auto& a, const auto& b) { return closeness(a) < closeness(b); });
    if (!options.all && nearest != rows.end() && closeness(*nearest) > 0) print_row(context.out, *nearest);
    fmt::print(context.out, "{}: {} of {} entries in bounds\n", run.set(), ok, rows.size());
  }
  return ok == static_cast<std::ptrdiff_t>(rows.size()) && !rows.empty() ? 0 : 1;
}

}  // namespace

void register_parity(Verbs& verbs) {
  add_verb<ParityOptions>(verbs,
                          {.name = "parity",
                           .summary = "Tools: how exact: computes a golden set and compares",
                           .usage = "parity DIR [--dump OUT]",
                           .examples = {"timbre parity golden/fastspeech2_ming024",
                                        "timbre parity golden/fastspeech2_ming024 --dump /tmp/ours --json"}},
                          parity_fields, run_parity);
}

}  // namespace timbre::cli
