#include "report/curves.h"

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/files.h"

namespace timbre::report {
namespace {

using Points = std::vector<std::pair<double, double>>;

/// Values of "metric" events: name → set ("train", "valid") → points.
std::map<std::string, std::map<std::string, Points>> read_metrics(const std::filesystem::path& events) {
  std::map<std::string, std::map<std::string, Points>> metrics;
  std::istringstream lines(read_file(events));
  std::string line;
  while (std::getline(lines, line)) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (event.is_discarded() || event.value("kind", "") != "metric") continue;
    const double step = event.value("step", 0.0);
    const auto values =
        event.value("values", nlohmann::json::object());  // named: a temporary would not outlive items()
    for (const auto& [name, value] : values.items()) {
      if (value.is_number() && name != "best_loss")
        metrics[name][event.value("set", "")].emplace_back(step, value.get<double>());
    }
  }
  return metrics;
}

/// Losses first, the rest in the order of the alphabet.
int rank_of(const std::string& name) {
  if (name == "loss") return 0;
  return name.starts_with("lr") || name.find("per_s") != std::string::npos || name.find("norm") != std::string::npos
             ? 2
             : 1;
}

}  // namespace

std::vector<Curve> read_curves(const std::filesystem::path& events) {
  std::vector<Curve> curves;
  const auto metrics = read_metrics(events);
  for (int rank = 0; rank < 3; ++rank) {
    for (const auto& [name, sets] : metrics) {
      if (rank_of(name) != rank) continue;
      Curve curve{.title = name, .log_y = false, .lines = {}};
      for (const auto& [set, points] : sets) curve.lines.push_back({set, points});
      curves.push_back(std::move(curve));
    }
  }
  return curves;
}

}  // namespace timbre::report
