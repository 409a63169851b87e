#include <algorithm>

#include "align/textgrid.h"
#include "base/error.h"
#include "base/strings.h"
#include "parity/speech_features.h"
#include "parity/tgt_alignment.h"
#include "prepare/durations.h"

namespace timbre::parity {
namespace {

using nlohmann::json;

/// tgt trims labels and drops intervals (not points) that have none.
json tier_json(const align::Tier& tier) {
  json objects = json::array();
  for (const auto& x : tier.intervals) {
    if (const auto label = trim(x.label); !label.empty()) objects.push_back({x.start_s, x.end_s, label});
  }
  for (const auto& p : tier.points) objects.push_back({p.time_s, p.time_s, trim(p.label)});
  return {{"name", tier.name}, {"class", tier.of_points ? "TextTier" : "IntervalTier"}, {"objects", objects}};
}

}  // namespace

TgtAlignment tgt_alignment(const align::TextGrid& grid, std::int64_t rate_hz, std::int64_t hop_samples) {
  // Exactly this name: a speaker's tier counts as none.
  const auto tier = std::find_if(grid.tiers.begin(), grid.tiers.end(),
                                 [](const align::Tier& t) { return t.name == "phones" && !t.of_points; });
  if (tier == grid.tiers.end()) throw DataError("no tier named \"phones\"");
  std::vector<align::Interval> kept;
  for (const auto& x : tier->intervals) {
    if (const auto label = trim(x.label); !label.empty()) kept.push_back({x.start_s, x.end_s, std::string(label)});
  }
  TgtAlignment out;
  const auto silent = [](const align::Interval& x) { return prepare::is_silence(x.label); };
  if (!std::all_of(kept.begin(), kept.end(), silent)) {
    prepare::TrimmedPhones trimmed = prepare::trim_phones(kept, rate_hz, hop_samples);
    out = {std::move(trimmed.framed.phones), std::move(trimmed.framed.durations_P), trimmed.start_s, trimmed.end_s};
  }
  return out;
}

void grid_cases(roles::ParityRun& run) {
  const audio::MelOptions taco = front_end(run, "taco");
  for (const std::string& file : run.keys(kCases, "/textgrid")) {
    const std::string at = "/textgrid/" + file;
    attempt(run, fmt::format("{}:{}/*", kCases, at), [&] {
      const align::TextGrid grid = align::read_textgrid(run.input_path("textgrid/" + file));
      json tiers = json::array();
      for (const auto& tier : grid.tiers) tiers.push_back(tier_json(tier));
      run.put_json(kCases, at + "/tiers", tiers);
      const TgtAlignment a = tgt_alignment(grid, taco.rate_hz, taco.hop_samples);
      run.put_json(kCases, at + "/phones", a.phones);
      run.put_json(kCases, at + "/durations", a.durations_P);
      run.put_json(kCases, at + "/start", a.start_s);
      run.put_json(kCases, at + "/end", a.end_s);
      run.put_json(kCases, at + "/skipped", a.start_s >= a.end_s);
    });
  }
}

}  // namespace timbre::parity
