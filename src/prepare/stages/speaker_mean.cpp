#include "prepare/speaker_vectors.h"
#include "prepare/stage.h"

namespace timbre::prepare {
namespace {

struct NoSettings {};
config::Fields fields(NoSettings&) { return {}; }

std::map<std::string, Row> all(const StageJob& job) {
  const auto encoder = open_speaker_encoder(job.settings_of("speaker_vec").at("speaker_encoder").get<std::string>());
  std::map<std::string, std::vector<std::vector<float>>> vectors;
  for (const auto& utterance : job.corpus.utterances())
    if (const auto vector = job.read("speaker_vec", utterance.id))
      vectors[utterance.speaker].push_back(vector->to_f32());
  std::map<std::string, Row> result;
  for (const auto& [speaker, list] : vectors)
    result[speaker] = Row{{"speaker_mean", weights::Tensor::of<float>({encoder->size()}, encoder->mean(list))}};
  return result;
}

}  // namespace

void register_stage_speaker_mean(Stages& stages) {
  stages.add({.name = "speaker_mean",
              .summary = "mean vector of each speaker",
              .makes = {"speaker_mean"},
              .settings = [] { return settings_of_struct<NoSettings>(fields); },
              .needs = [](const nlohmann::json&) { return std::vector<std::string>{"speaker_vec"}; },
              .rows = {},
              .whole_corpus = true,
              .network = true,
              .all = all});
}

}  // namespace timbre::prepare
