#include <algorithm>
#include <memory>
#include <numeric>

#include "prepare/clip.h"

namespace timbre::prepare {
namespace {

MakeRow rows(const StageJob& job) {
  const auto settings = options_from<MelSettings>(job.settings, fields, "mel");
  const auto maker = std::make_shared<const audio::MelMaker>(settings.mel);
  return [&job, settings, maker](const corpus::Utterance& utterance) -> RowResult {
    const auto trimmed = trim_of(job, utterance.id, settings);
    audio::Mel mel = (*maker)(load_samples(job, utterance, settings, trimmed));
    if (trimmed) {  // durations decide the length: the spectrogram is cut to their sum
      const auto& durations = trimmed->framed.durations_P;
      const auto frames = std::min(mel.frames, std::accumulate(durations.begin(), durations.end(), std::int64_t{0}));
      FramedPhones fitted = trimmed->framed;
      fit_to_frames(fitted, frames);
      mel.frames = frames;
      mel.values_FM.resize(static_cast<std::size_t>(frames * mel.bins));
      mel.energy_F.resize(static_cast<std::size_t>(frames));
    }
    return Row{{"mel", weights::Tensor::of<float>({mel.frames, mel.bins}, std::move(mel.values_FM))},
               {"energy_frames", weights::Tensor::of<float>({mel.frames}, std::move(mel.energy_F))}};
  };
}

}  // namespace

void register_stage_mel(Stages& stages) {
  stages.add({.name = "mel",
              .summary = "mel spectrogram and the energy of its frames",
              .makes = {"mel", "energy_frames"},
              .settings = [] { return settings_of_struct<MelSettings>(fields); },
              .needs =
                  [](const nlohmann::json& settings) {
                    return settings.at("edges") == "trim" ? std::vector<std::string>{"alignment", "alignment_phones"}
                                                          : std::vector<std::string>{};
                  },
              .rows = rows,
              .all = {}});
}

}  // namespace timbre::prepare
