#pragma once
#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// What a run's validation curve says to do next, in words and as numbers.
namespace timbre::train {

/// One validation.
struct CurvePoint {
  std::int64_t step = 0;
  double valid = 0;             ///< weighted total on the validation side
  std::optional<double> train;  ///< of the report before it
};

/// The curve of a run folder (events.jsonl); empty when there is none.
std::vector<CurvePoint> read_curve(const std::filesystem::path& run);

struct Advice {
  /// improving; stopped_improving: flat since `since_step`; overfitting: worse since `since_step` while training went
  /// on getting better; diverging: worse, and training too; adversarial: worse by a loss that does not choose the
  /// weights; too_short: fewer than five validations
  std::string kind;
  std::int64_t since_step = 0;
  std::int64_t best_step = 0;
  double best = 0;   ///< validation loss there
  double noise = 0;  ///< what one validation differs from the next by chance
  std::string text;  ///< whole sentences
};
nlohmann::json to_json(const Advice& advice);

/// Reads the curve of one run. `run` is its folder and `last_step` where it ended, for the commands in the text.
/// Points that are not finite are left out. Nothing without validations. `last_is_best`: see Recipe::last_is_best;
/// a loss that rises is then no reason to go back ("adversarial").
std::optional<Advice> advise(std::span<const CurvePoint> curve, const std::string& run, std::int64_t last_step,
                             bool last_is_best = false);

/// Whether the network learned the utterances of --overfit by heart: if not, more data will not help it.
struct OverfitVerdict {
  struct Part {
    std::string name;
    double reached = 0, wanted = 0;
    bool pass() const { return reached <= wanted; }
  };
  std::int64_t items = 0, step = 0;
  std::vector<Part> parts;
  bool pass() const;
  std::string text() const;
};
nlohmann::json to_json(const OverfitVerdict& verdict);

/// `means` are the losses of the best validation. `targets` are the recipe's (Recipe::memorised_at); without any, the
/// total must have come down to a tenth of the untrained network's.
OverfitVerdict judge_overfit(std::int64_t items, std::int64_t step, const std::map<std::string, double>& means,
                             const std::map<std::string, double>& targets, double total, double untrained_total);

}  // namespace timbre::train
