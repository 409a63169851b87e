#include "prepare/statistics.h"

#include "prepare/stage.h"

namespace timbre::prepare {
namespace {

struct StatisticsSettings {
  bool normalise = true;
};

config::Fields fields(StatisticsSettings& s) {
  config::Fields f;
  f.add("normalise", s.normalise, "values are used as (x − mean) / deviation; off: mean 0, deviation 1");
  return f;
}

std::map<std::string, Row> all(const StageJob& job) {
  const auto settings = options_from<StatisticsSettings>(job.settings, fields, "statistics");
  std::map<std::string, Row> result;
  for (const char* feature : {"pitch", "energy"}) {
    FeatureCounter counter;
    for (const auto& utterance : job.corpus.utterances())
      if (const auto values = job.read(feature, utterance.id)) counter.add(values->to_f64());
    const auto found = counter.statistics(settings.normalise).as_array();
    result[feature] = Row{{"statistics", weights::Tensor::of<double>({4}, {found.begin(), found.end()})}};
  }
  return result;
}

}  // namespace

void register_stage_statistics(Stages& stages) {
  stages.add({.name = "statistics",
              .summary = "range and scale of pitch and energy over the corpus",
              .makes = {"statistics"},
              .settings = [] { return settings_of_struct<StatisticsSettings>(fields); },
              .needs =
                  [](const nlohmann::json&) {
                    return std::vector<std::string>{"pitch", "energy"};
                  },
              .rows = {},
              .whole_corpus = true,
              .all = all});
}

}  // namespace timbre::prepare
