#include "audio/speaker_mel.h"
#include "audio/decode.h"
#include "prepare/stage.h"

namespace timbre::prepare {
namespace {

MakeRow rows(const StageJob& job) {
  const auto options = options_from<audio::SpeakerMelOptions>(job.settings, audio::fields, "speaker_mel");
  if (const auto problems = audio::validate(options); !problems.empty()) throw UsageError(problems.front());
  return [&job, options](const corpus::Utterance& utterance) -> RowResult {
    const auto clip = audio::decode_audio(job.corpus.audio_path(utterance), options.mel.rate_hz);
    audio::Mel mel = audio::speaker_mel(audio::speaker_wave(clip.samples_N, options), options);
    return Row{{"speaker_mel", weights::Tensor::of<float>({mel.frames, mel.bins}, std::move(mel.values_FM))}};
  };
}

}  // namespace

void register_stage_speaker_mel(Stages& stages) {
  stages.add({.name = "speaker_mel",
              .summary = "what a speaker encoder hears of each clip",
              .makes = {"speaker_mel"},
              .settings = [] { return settings_of_struct<audio::SpeakerMelOptions>(audio::fields); },
              .needs = [](const nlohmann::json&) { return std::vector<std::string>{}; },
              .rows = rows,
              .all = {}});
}

}  // namespace timbre::prepare
